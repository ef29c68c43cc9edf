# METADATA
# title: bank__pay
# description: |
#   Velocity: many payments in little time, or many of them to payees that are new,
#   are for a person to look at; so is what is much more than is usual in a month.
package tools.bank.pay

meter contains {"name": "payments", "amount": input.args.amount, "window": "10m"}

meter contains {"name": "payments_of_a_month", "amount": input.args.amount, "window": "30d"}

meter contains {"name": "payee", "key": input.args.to, "window": "90d"}

allow if "payer" in input.agent.roles

approve contains "the first payment to this payee" if input.meters.payee.count == 0

approve contains "more than 3 payments within ten minutes" if input.meters.payments.count >= 3

approve contains "more than five times what a payment of the last 30 days is" if {
	input.meters.payments_of_a_month.count >= 3
	input.args.amount * input.meters.payments_of_a_month.count > 5 * input.meters.payments_of_a_month.sum
}

deny contains "more than 10000 within ten minutes" if input.meters.payments.total > 10000
