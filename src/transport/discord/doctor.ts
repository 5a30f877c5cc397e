import type { DiscordApplication, DiscordGatewayBot } from '../../../generated/models.js'
import type { Address } from '../../protocol.js'
import { formatAddress } from '../address.js'
import { createDial } from '../dial.js'
import { type DoctorOptions, type Finding, type Fixes, failed } from '../doctor.js'
import { createDiscordApi, type DiscordApi } from './api.js'

const FIXES: Fixes = {
  'auth-failed': 'Reset the token under Bot in the developer portal; check the proxy credentials if there is a proxy.',
  forbidden: 'Invite the bot to the server, and allow it View Channel and Send Messages there.',
  'target-not-found': 'Check the id: enable Developer Mode in Discord and copy it from the channel.',
  'platform-unavailable': 'Check the network, WGROK_PROXY and WGROK_DISCORD_API_URL.',
  timeout: 'Check the network, WGROK_PROXY and WGROK_DISCORD_API_URL.',
  otherwise: 'See the Discord page of the documentation.',
}
const NO_DIRECT =
  'Discord has no direct messages between bots, and people may close theirs: route to a channel that both are in.'
const USER_FIXES: Fixes = { ...FIXES, 'target-invalid': NO_DIRECT }

/** The application may read the text of messages: bit 18 for verified bots, 19 for others. */
const MAY_READ_TEXT = (1 << 18) | (1 << 19)
/** Sessions left for the day below which something is reconnecting too often. */
const FEW_SESSIONS = 100

/** Looks at token, intent, identify budget, public key and route targets; sends nothing. */
export async function* check(token: string, options: DoctorOptions): AsyncGenerator<Finding, void, void> {
  const { apiUrl, proxy, publicKey, signal, targets = [] } = options
  const dial = createDial(proxy === undefined ? {} : { proxy })
  const api = createDiscordApi(token, { dial, ...(apiUrl === undefined ? {} : { apiUrl }) })
  try {
    const me = await api.getMe(signal)
    yield { ok: true, what: `Discord knows the token: ${me.username ?? ''} (${me.id})` }
    const application = await api.getApplication(signal)
    yield intent(application)
    if (publicKey !== undefined) yield sameKey(application, publicKey)
    yield sessions(await api.getGateway(signal))
    for (const target of targets) yield await checkTarget(api, target, signal)
  } catch (caught) {
    yield failed('Discord does not take the token', caught, FIXES)
  } finally {
    await api.close()
  }
}

function intent({ flags = 0 }: DiscordApplication): Finding {
  if ((flags & MAY_READ_TEXT) !== 0) return { ok: true, what: 'the Message Content intent is enabled' }
  return {
    ok: false,
    what: 'the Message Content intent is not enabled: the gateway closes with 4014',
    fix: 'Enable it under Bot, Privileged Gateway Intents, in the developer portal.',
  }
}

function sameKey(application: DiscordApplication, publicKey: string): Finding {
  if (application.verify_key?.toLowerCase() === publicKey.toLowerCase()) {
    return { ok: true, what: 'WGROK_DISCORD_PUBLIC_KEY is the key of the application' }
  }
  return {
    ok: false,
    what: 'WGROK_DISCORD_PUBLIC_KEY is not the key of the application: every interaction would be refused',
    fix: 'Copy the Public Key from General Information in the developer portal.',
  }
}

function sessions({ session_start_limit: limit }: DiscordGatewayBot): Finding {
  if (limit === undefined) return { ok: true, what: 'the gateway answers' }
  const what = `${limit.remaining} of ${limit.total} sessions are left for today`
  if (limit.remaining >= Math.min(FEW_SESSIONS, limit.total)) return { ok: true, what }
  return {
    ok: false,
    what,
    fix: 'Find what reconnects so often; with none left, wgrok waits until the budget is renewed.',
  }
}

async function checkTarget(api: DiscordApi, target: Address, signal: AbortSignal | undefined): Promise<Finding> {
  const what = formatAddress(target)
  try {
    if (target.kind === 'channel') await api.getChannel(target.id, signal)
    else await api.createDirectChannel(target.id, signal)
    return { ok: true, what: `${what} is reachable` }
  } catch (caught) {
    return failed(`${what} is not reachable`, caught, target.kind === 'user' ? USER_FIXES : FIXES)
  }
}
