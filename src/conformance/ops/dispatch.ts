import { isPlatform } from '../../../generated/models.js'
import { botConfigFromEnv } from '../../config/from-env.js'
import type { Address } from '../../protocol.js'
import { Registry } from '../../router/registry.js'
import { addressKey, formatAddress, parseAddress } from '../../transport/address.js'
import { text } from '../input.js'
import type { Input, Operation } from '../testee.js'

/** Which platform a target goes to, and what it is there. */
export const DISPATCH_OPS: Readonly<Record<string, Operation>> = {
  'address.parse': parse,
  'address.format': input => formatAddress(input as unknown as Address),
  'address.key': input => addressKey(parse(input)),
  'address.route': route,
}

/** Reads `text`; `platform` is the one that a text without platform means. */
function parse(input: Input): Address {
  const { platform } = input
  const fallback = typeof platform === 'string' && isPlatform(platform) ? platform : undefined
  return parseAddress(text(input, 'text'), fallback)
}

/** Where a router with `routes`, as in WGROK_ROUTES, sends what is for `slug`; null where it came from. */
function route(input: Input): Address | null {
  const env = { WGROK_WEBEX_TOKENS: 'token', WGROK_DOMAINS: 'example.com', WGROK_ROUTES: text(input, 'routes') }
  const { routes = {} } = botConfigFromEnv(env)
  return new Registry(routes).resolve(text(input, 'slug'))?.to ?? null
}
