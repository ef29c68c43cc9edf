# METADATA
# title: social__post
# description: |
#   A rate: at most 5 posts an hour and 20 a day of an agent. What is only tried is
#   not counted.
package tools.social.post

meter contains {"name": "posts", "window": "1h"}

meter contains {"name": "posts_of_a_day", "window": "24h"}

allow if "publisher" in input.agent.roles

deny contains "at most 5 posts an hour" if input.meters.posts.count >= 5

deny contains "at most 20 posts a day" if input.meters.posts_of_a_day.count >= 20
