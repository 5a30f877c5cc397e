import { randomUUID } from 'node:crypto'
import { commandText } from './text.js'
import type { EmulatedSlackApp } from './workspace.js'

type Payload = Readonly<Record<string, unknown>>

/** An event as an app gets it. @param now ms since 1970 */
export function eventPayload(app: EmulatedSlackApp, teamId: string, now: number, event: Payload): Payload {
  return {
    token: 'deprecated',
    team_id: teamId,
    api_app_id: app.appId,
    event,
    type: 'event_callback',
    event_id: `Ev${randomUUID().replaceAll('-', '').slice(0, 12).toUpperCase()}`,
    event_time: Math.floor(now / 1000),
    event_context: `4-${randomUUID()}`,
    authorizations: [{ team_id: teamId, user_id: app.botUserId, is_bot: true, is_enterprise_install: false }],
    is_ext_shared_channel: false,
  }
}

/** What a person typed after `/wgrok`, and where. */
export interface TypedCommand {
  readonly user: string
  readonly channel: string
  readonly text: string
}

/** A slash command as an app gets it: texts only, since it goes out as a form as well. */
export function commandPayload(
  app: EmulatedSlackApp,
  teamId: string,
  typed: TypedCommand,
): Readonly<Record<string, string>> {
  return {
    token: 'deprecated',
    team_id: teamId,
    team_domain: 'emulated',
    channel_id: typed.channel,
    user_id: typed.user,
    user_name: 'someone',
    command: '/wgrok',
    text: commandText(typed.text),
    api_app_id: app.appId,
    response_url: 'https://hooks.slack.com/commands/1',
    trigger_id: randomUUID(),
  }
}

/** A button or form as an app gets it. */
export function interactionPayload(app: EmulatedSlackApp, teamId: string, user: string, payload: Payload): Payload {
  return {
    api_app_id: app.appId,
    team: { id: teamId, domain: 'emulated' },
    user: { id: user, username: 'someone', team_id: teamId },
    trigger_id: randomUUID(),
    ...payload,
  }
}
