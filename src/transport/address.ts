import { WgrokError } from '../errors.js'
import type { Address, AddressKind, Platform } from '../protocol.js'

/** Kinds that each platform knows, the one that is meant when nothing else tells last. */
const KINDS: Readonly<Record<Platform, readonly AddressKind[]>> = {
  webex: ['email', 'person', 'room'],
  slack: ['email', 'user', 'channel'],
  discord: ['user', 'channel'],
  irc: ['channel', 'nick'],
  bridge: ['adapter'],
}

const ALL_KINDS: ReadonlySet<string> = new Set(Object.values(KINDS).flat())
const ID_LENGTH_MAX = 512

/** Nothing that a platform would take for a separator or the end of a line. */
const ID_FORM = /^[^\s\p{Cc}]+$/u
const EMAIL_FORM = /^[^@]+@[^@]+$/
const SLACK_CHANNEL_FORM = /^(?:[CDG][A-Z0-9]{2,}|#.+)$/
const SLACK_USER_FORM = /^[UW][A-Z0-9]{2,}$/
const DISCORD_FORM = /^[0-9]{1,20}$/
const IRC_CHANNEL_FORM = /^[#&+!][^,]*$/
const IRC_NICK_FORM = /^[^,:#&+!@0-9-][^,:!@]*$/
const ADAPTER_FORM = /^[a-z0-9_-]{1,32}$/
const WEBEX_URI_FORM = /^ciscospark:\/\/[^/]+\/(ROOM|PEOPLE)\/./

/**
 * Reads `[platform:][kind:]id`, say `deploy-bot@example.com`, `slack:C0123`, `discord:channel:1234`, `irc:#wgrok` or
 * `bridge:dingtalk`. The id keeps its colons.
 *
 * @param defaultPlatform what an address without a platform means; without it the platform is told by the form of the id.
 * @throws WgrokError `target-invalid`; the message never repeats the text.
 */
export function parseAddress(text: string, defaultPlatform?: Platform): Address {
  const named = takePrefix(text, isPlatformName)
  const rest = named?.rest ?? text
  const kinded = takePrefix(rest, isKindName)
  const id = kinded?.rest ?? rest
  if (id.length > ID_LENGTH_MAX || !ID_FORM.test(id)) {
    throw new WgrokError('target-invalid', `the id is empty, longer than ${ID_LENGTH_MAX}, or holds white space`)
  }
  const platform = named?.prefix ?? defaultPlatform ?? platformByForm(id, kinded?.prefix)
  const kind = kinded?.prefix ?? kindByForm(platform, id)
  if (kind === undefined) {
    throw new WgrokError(
      'target-invalid',
      `the id has no form that ${platform} knows; say ${KINDS[platform].join(' or ')}`,
    )
  }
  if (!KINDS[platform].includes(kind)) {
    throw new WgrokError('target-invalid', `${platform} has no ${kind}, only ${KINDS[platform].join(', ')}`)
  }
  if (!suits(platform, kind, id)) throw new WgrokError('target-invalid', `the id is not a ${platform} ${kind}`)
  return { platform, kind, id }
}

/** Writes an address as `platform:kind:id`, the kind left out where the id tells it. The thread is not part of it. */
export function formatAddress(address: Address): string {
  const { platform, kind, id } = address
  const short = takePrefix(id, isKindName) === undefined && kindByForm(platform, id) === kind
  return short ? `${platform}:${id}` : `${platform}:${kind}:${id}`
}

/**
 * One text per destination, for maps: `platform:kind:id` without the thread, in lower case where the platform does not
 * tell cases apart.
 */
export function addressKey(address: Address): string {
  const { platform, kind, id } = address
  return `${platform}:${kind}:${platform === 'irc' || kind === 'email' ? id.toLowerCase() : id}`
}

function takePrefix<T extends string>(
  text: string,
  known: (prefix: string) => prefix is T,
): { readonly prefix: T; readonly rest: string } | undefined {
  const colon = text.indexOf(':')
  if (colon < 0) return undefined
  const prefix = text.slice(0, colon)
  return known(prefix) ? { prefix, rest: text.slice(colon + 1) } : undefined
}

function isPlatformName(text: string): text is Platform {
  return Object.hasOwn(KINDS, text)
}

function isKindName(text: string): text is AddressKind {
  return ALL_KINDS.has(text)
}

function platformByForm(id: string, kind: AddressKind | undefined): Platform {
  if (kind === 'adapter') return 'bridge'
  if (kind === 'nick' || /^[#&]/.test(id)) return 'irc'
  if (kind === 'email' || kind === 'person' || kind === 'room' || kindByForm('webex', id) !== undefined) return 'webex'
  if (SLACK_CHANNEL_FORM.test(id) || SLACK_USER_FORM.test(id)) return 'slack'
  if (/^[0-9]{15,20}$/.test(id)) return 'discord'
  throw new WgrokError('target-invalid', 'the platform cannot be told by the id; write platform:id')
}

function kindByForm(platform: Platform, id: string): AddressKind | undefined {
  switch (platform) {
    case 'webex':
      return EMAIL_FORM.test(id) ? 'email' : webexKind(id)
    case 'slack':
      return slackKind(id)
    case 'discord':
      return DISCORD_FORM.test(id) ? 'channel' : undefined
    case 'irc':
      return IRC_CHANNEL_FORM.test(id) ? 'channel' : 'nick'
    case 'bridge':
      return 'adapter'
  }
}

function slackKind(id: string): AddressKind | undefined {
  if (SLACK_CHANNEL_FORM.test(id)) return 'channel'
  return SLACK_USER_FORM.test(id) ? 'user' : EMAIL_FORM.test(id) ? 'email' : undefined
}

/** Webex ids are the base64url of a URI that says what they name. */
function webexKind(id: string): AddressKind | undefined {
  const uri = id.startsWith('Y2lzY29') ? Buffer.from(id, 'base64url').toString('latin1') : id
  const type = WEBEX_URI_FORM.exec(uri)?.[1]
  return type === 'ROOM' ? 'room' : type === 'PEOPLE' ? 'person' : undefined
}

function suits(platform: Platform, kind: AddressKind, id: string): boolean {
  switch (kind) {
    case 'email':
      return EMAIL_FORM.test(id)
    case 'adapter':
      return ADAPTER_FORM.test(id)
    case 'nick':
      return IRC_NICK_FORM.test(id)
    case 'channel':
      return platform === 'irc' ? IRC_CHANNEL_FORM.test(id) : platform === 'discord' ? DISCORD_FORM.test(id) : true
    default:
      return platform === 'discord' ? DISCORD_FORM.test(id) : true
  }
}
