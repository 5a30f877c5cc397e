import type { SlackUser } from '../../../generated/models.js'
import {
  slackAuthTestCall,
  slackGetConversationCall,
  slackGetUserCall,
  slackLookupUserCall,
  slackOpenConnectionCall,
} from '../../../generated/rest.js'
import type { Address } from '../../protocol.js'
import { formatAddress } from '../address.js'
import { type DoctorOptions, type Finding, type Fixes, failed } from '../doctor.js'
import { createSlackApi, type SlackApi } from './api.js'

const FIXES: Fixes = {
  'auth-failed': 'Make a new token; check the proxy credentials if there is a proxy.',
  forbidden: 'Add what is missing to the app, reinstall it, and invite it where it should speak.',
  'target-not-found': 'Check the id; a bot does not see private channels that it is not in.',
  'platform-unavailable': 'Check the network, WGROK_PROXY and WGROK_SLACK_API_URL.',
  timeout: 'Check the network, WGROK_PROXY and WGROK_SLACK_API_URL.',
  otherwise: 'See the Slack page of the documentation.',
}

const HISTORY = ['channels:history', 'groups:history', 'im:history', 'mpim:history']

/** Scopes by what needs them. */
const SCOPES: readonly { readonly anyOf: readonly string[]; readonly without: string; readonly router?: true }[] = [
  { anyOf: ['chat:write'], without: 'nothing can be sent' },
  { anyOf: [...HISTORY, 'app_mentions:read'], without: 'no message is heard' },
  { anyOf: HISTORY, without: 'a message whose sending was interrupted may come twice', router: true },
  { anyOf: ['users:read'], without: 'people are known by their ids only' },
  { anyOf: ['users:read.email'], without: 'neither routes nor the allowlist can use e-mail addresses' },
  { anyOf: ['im:write'], without: 'people cannot be sent direct messages' },
]

/** Looks at tokens, scopes, reachability and route targets; changes nothing and sends nothing. */
export async function* check(token: string, options: DoctorOptions): AsyncGenerator<Finding, void, void> {
  const { proxy, apiUrl, signal } = options
  yield form('the bot token', token, 'xoxb-', 'Copy the Bot User OAuth Token from OAuth & Permissions of the app.')
  let scopes: readonly string[] | undefined
  const api = createSlackApi(token, {
    proxy,
    apiUrl,
    onScopes: found => {
      scopes = found
    },
  })
  try {
    const reply = await api.call(slackAuthTestCall, { params: {}, ...(signal === undefined ? {} : { signal }) })
    yield { ok: true, what: `Slack knows the bot token: ${reply.user ?? reply.user_id} of team ${reply.team_id}` }
    yield* checkScopes(scopes, options)
    yield* checkAppToken(options)
    for (const target of options.targets ?? []) yield await checkTarget(api, target, signal)
  } catch (caught) {
    yield failed('Slack does not take the bot token', caught, FIXES)
  } finally {
    await api.close()
  }
}

function form(name: string, token: string, prefix: string, fix: string): Finding {
  const ok = token.startsWith(prefix)
  return ok ? { ok, what: `${name} begins with ${prefix}` } : { ok, what: `${name} does not begin with ${prefix}`, fix }
}

function* checkScopes(scopes: readonly string[] | undefined, { role }: DoctorOptions): Generator<Finding> {
  if (scopes === undefined) return
  for (const { anyOf, router, without } of SCOPES) {
    if (router === true && role !== 'router') continue
    const found = anyOf.filter(scope => scopes.includes(scope))
    const what = `scope ${(found.length > 0 ? found : anyOf).join(found.length > 0 ? ', ' : ' or ')}`
    yield found.length > 0
      ? { ok: true, what }
      : {
          ok: false,
          what: `${what} is missing: ${without}`,
          fix: 'Add it under OAuth & Permissions and reinstall the app.',
        }
  }
}

async function* checkAppToken(options: DoctorOptions): AsyncGenerator<Finding> {
  const { appToken, listens = true, role, proxy, apiUrl, signal } = options
  const variable = role === 'router' ? 'WGROK_SLACK_APP_TOKENS' : 'WGROK_SLACK_APP_TOKEN'
  const fix = `Make an app-level token with connections:write under Basic Information and put it into ${variable}.`
  if (appToken === undefined || appToken === '') {
    if (!listens) return
    yield { ok: false, what: `${variable} is not set: only sending works, unless events come by webhook`, fix }
    return
  }
  yield form('the app-level token', appToken, 'xapp-', fix)
  const api = createSlackApi(appToken, { proxy, apiUrl })
  try {
    await api.call(slackOpenConnectionCall, { params: {}, ...(signal === undefined ? {} : { signal }) })
    yield { ok: true, what: 'Socket Mode is on and the app-level token opens it' }
  } catch (caught) {
    yield failed('Socket Mode does not open', caught, { otherwise: `Switch Socket Mode on. ${fix}` })
  } finally {
    await api.close()
  }
}

async function checkTarget(api: SlackApi, target: Address, signal: AbortSignal | undefined): Promise<Finding> {
  const what = formatAddress(target)
  const common = signal === undefined ? {} : { signal }
  try {
    if (target.kind === 'channel') {
      const { channel } = await api.call(slackGetConversationCall, { params: { channel: target.id }, ...common })
      if (channel?.is_archived === true) {
        return { ok: false, what: `${what} is archived`, fix: 'Route to another channel.' }
      }
      if (channel?.is_member === false && channel.is_im !== true) {
        return { ok: false, what: `the bot is not in ${what}`, fix: 'Invite it: /invite @the-bot in that channel.' }
      }
      return { ok: true, what: `${what} is reachable` }
    }
    const { user } =
      target.kind === 'email'
        ? await api.call(slackLookupUserCall, { params: { email: target.id }, ...common })
        : await api.call(slackGetUserCall, { params: { user: target.id }, ...common })
    return reachable(what, user)
  } catch (caught) {
    return failed(`${what} is not reachable`, caught, FIXES)
  }
}

function reachable(what: string, user: SlackUser | undefined): Finding {
  if (user?.is_bot !== true) return { ok: true, what: `${what} is reachable` }
  const fix = 'Slack has no direct messages between bots: put both into a channel and route to that.'
  return { ok: false, what: `${what} is a bot`, fix }
}
