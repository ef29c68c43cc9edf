package secret

// moneyRules are credentials of payment, commerce and shipping.
var moneyRules = []rule{
	{id: "stripe-key", service: "Stripe", forms: []string{`sk_live_\w{16,}`, `rk_live_\w{16,}`, `sk_org_live_\w{16,}`}, verify: rare, miss: []string{`pk_live_\w{24}`, `price_\w{24}`, `ch_\w{24}`, `sk_live_XXXXXXXXXXXXXXXXXXXXXXXX`}},
	{id: "stripe-test-key", service: "Stripe", forms: []string{`rk_test_\w{16,}`}, verify: rare, low: true},
	{id: "stripe-webhook-secret", service: "Stripe, Svix", forms: []string{`whsec_\b{24,}`}, verify: rare},
	{id: "square-token", service: "Square", forms: []string{`sq0atp-\k{22}`, `sq0csp-\k{43}`, `sq0idp-\k{22}`, `EAAAE\k{55,60}`, `EAAAl\k{55,60}`}},
	{id: "braintree-token", service: "PayPal Braintree", forms: []string{`access_token$production$\l{16}$\h{32}`, `access_token$sandbox$\l{16}$\h{32}`}},
	{id: "shopify-token", service: "Shopify", forms: []string{`shpat_\H{32}`, `shpca_\H{32}`, `shppa_\H{32}`, `shpss_\H{32}`, `shptka_\H{32}`, `shpua_\H{32}`}},
	{id: "plaid-token", service: "Plaid", forms: []string{`access-production-\h{8}-\h{4}-\h{4}-\h{4}-\h{12}`, `access-sandbox-\h{8}-\h{4}-\h{4}-\h{4}-\h{12}`, `access-development-\h{8}-\h{4}-\h{4}-\h{4}-\h{12}`}},
	{id: "razorpay-key", service: "Razorpay", forms: []string{`rzp_live_\w{14}`, `rzp_test_\w{14}`}, verify: rare, low: true},
	{id: "flutterwave-key", service: "Flutterwave", forms: []string{`FLWSECK-\l{32}-X`, `FLWSECK_TEST-\l{32}-X`, `FLWSECK_TEST-\l{32}`}},
	{id: "paddle-key", service: "Paddle", forms: []string{`pdl_live_apikey_\l{26}_\w{22}_\w{3}`, `pdl_sdbx_apikey_\l{26}_\w{22}_\w{3}`}},
	{id: "checkout-key", service: "Checkout.com", forms: []string{`sk_sbox_\l{20,}`}, verify: rare, low: true},
	{id: "shippo-token", service: "Shippo", forms: []string{`shippo_live_\h{40}`, `shippo_test_\h{40}`}},
	{id: "easypost-key", service: "EasyPost", forms: []string{`EZAK\w{54}`, `EZTK\w{54}`}, verify: rare},
	{id: "duffel-token", service: "Duffel", forms: []string{`duffel_live_\k{40,}`, `duffel_test_\k{40,}`}},
	{id: "polar-key", service: "Polar, Creem", forms: []string{`polar_oat_\w{30,}`, `polar_pat_\w{30,}`, `creem_\w{20,}`}, verify: rare},
}
