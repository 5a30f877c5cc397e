/**
 * Who wrote a message, as the platform vouches for it.
 *
 * The first principal is the one to show; any of them may match the allowlist. Webex: the e-mail. Slack: the e-mail if
 * known, and `U…@T….slack`. Discord: `<id>@discord`, bots `<id>@bot.discord`. IRC: `account@<network>` when tagged,
 * else `nick!user@host`. Bridge: `<user_id>@<platform>.bridge`. Webhook: the `from` that the secret vouches for.
 */
export interface Identity {
  readonly principals: readonly string[]
}
