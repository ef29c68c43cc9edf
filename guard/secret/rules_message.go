package secret

// messageRules are credentials of chat, mail and telephony.
var messageRules = []rule{
	{id: "slack-token", service: "Slack", forms: []string{`xoxb-\k{24,}`, `xoxp-\k{24,}`, `xoxa-\k{24,}`, `xoxr-\k{24,}`, `xoxs-\k{24,}`, `xoxo-\k{24,}`, `xoxc-\k{24,}`, `xoxe-\k{24,}`,
		`xoxe.xoxp-\k{24,}`, `xoxe.xoxb-\k{24,}`, `xoxd-\B{24,}`, `xapp-\k{24,}`}, verify: rare, miss: []string{`xoxb-your-slack-bot-token-here`, `xoxb-\d{6}`}},
	{id: "slack-webhook", service: "Slack", forms: []string{`hooks.slack.com/services/\w{8,12}/\w{8,12}/\w{20,28}`, `hooks.slack.com/workflows/\w{8,12}/\w{8,12}/\d{8,22}/\w{16,28}`,
		`hooks.slack.com/triggers/\w{8,12}/\d{8,22}/\w{16,40}`}, miss: []string{`hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX`}},
	{id: "discord-webhook", service: "Discord", forms: []string{`discord.com/api/webhooks/\d{17,20}/\k{60,}`, `discordapp.com/api/webhooks/\d{17,20}/\k{60,}`}},
	{id: "teams-webhook", service: "Microsoft Teams", forms: []string{`.webhook.office.com/webhookb2/\h{8}-\h{4}-\h{4}-\h{4}-\h{12}@\h{8}-\h{4}-\h{4}-\h{4}-\h{12}/IncomingWebhook/\h{32}/\h{8}-\h{4}-\h{4}-\h{4}-\h{12}`}},
	{id: "zapier-webhook", service: "Zapier", forms: []string{`hooks.zapier.com/hooks/catch/\d{5,10}/\w{5,12}`}, low: true},
	{id: "telegram-token", service: "Telegram", forms: []string{`\d{8,10}:AA\k{32,33}`}},
	{id: "twilio-key", service: "Twilio", forms: []string{`SK\h{32}`}},
	{id: "sendgrid-key", service: "SendGrid", forms: []string{`SG.\k{16,32}.\k{16,64}`}, verify: rare},
	{id: "mailgun-key", service: "Mailgun", forms: []string{`key-\h{32}`, `\h{32}-\h{8}-\h{8}`}, miss: []string{`primary-key-\h{12}`}},
	{id: "mailchimp-key", service: "Mailchimp", forms: []string{`\h{32}-us\d{1,2}`}},
	{id: "mandrill-key", service: "Mandrill", forms: []string{`md-\k{22}`}, verify: rare},
	{id: "brevo-key", service: "Brevo", forms: []string{`xkeysib-\h{64}-\w{16}`, `xsmtpsib-\h{64}-\w{16}`}},
	{id: "resend-key", service: "Resend", forms: []string{`re_\w{8}_\w{24}`}, verify: rare},
	{id: "test-or-sandbox-key", service: "Stripe, Clerk, Knock (test keys)", forms: []string{`sk_test_\k{16,}`, `sk_prod_\k{24,}`}, verify: rare, low: true},
	{id: "telnyx-key", service: "Telnyx", forms: []string{`KEY01\w{30,}_\w{20,}`}},
	{id: "typeform-token", service: "Typeform", forms: []string{`tfp_\k{40,}`}},
	{id: "hubspot-token", service: "HubSpot", forms: []string{`pat-na1-\h{8}-\h{4}-\h{4}-\h{4}-\h{12}`, `pat-na2-\h{8}-\h{4}-\h{4}-\h{4}-\h{12}`, `pat-eu1-\h{8}-\h{4}-\h{4}-\h{4}-\h{12}`}},
	{id: "twitter-bearer", service: "X", forms: []string{`AAAAAAAAAAAAAAAAAAAA\B{60,}`}},
	{id: "facebook-token", service: "Meta", forms: []string{`EAAC\w{80,}`, `EAAG\w{80,}`, `EAAB\w{80,}`, `EAAE\w{80,}`}, verify: rare},
	{id: "dropbox-token", service: "Dropbox, Frame.io", forms: []string{`sl.u.\k{60,}`, `sl.B\k{100,}`, `fio-u-\k{60,}`}},
	{id: "klaviyo-key", service: "Klaviyo", forms: []string{`pk_\h{34}`}},
}
