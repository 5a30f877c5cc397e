import { bridgeAddress, matchBridge } from '../../generated/channels.js'
import { WgrokError } from '../errors.js'
import { isAdapterName } from './names.js'

/** Where a client connects to, and as whom. */
export interface BridgeTarget {
  /** With the path, without any credentials. */
  readonly url: string
  readonly platform: string
  readonly token: string | undefined
}

/**
 * Takes apart `ws://platform:token@host:port`. Platform and token given on their own win; a path that already is one of
 * the bridge names the platform too.
 *
 * @throws WgrokError `config-invalid` for another scheme or a name that cannot be a platform. Never repeats the URL.
 */
export function readTarget(text: string, platform?: string, token?: string): BridgeTarget {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || (url.protocol !== 'ws:' && url.protocol !== 'wss:')) {
    throw new WgrokError('config-invalid', 'the bridge URL must be ws://platform:token@host:port, or wss')
  }
  const prefix = url.pathname.replace(/\/+$/, '')
  const named = matchBridge(prefix)?.platform
  const name = platform ?? (url.username === '' ? named : decodeURIComponent(url.username)) ?? ''
  if (!isAdapterName(name)) {
    throw new WgrokError(
      'config-invalid',
      'the platform name of the bridge must be 1 to 32 of a-z 0-9 _ - and not reserved',
    )
  }
  const secret = token ?? (url.password === '' ? undefined : decodeURIComponent(url.password))
  url.username = ''
  url.password = ''
  url.hash = ''
  url.pathname = named === undefined ? prefix + bridgeAddress({ platform: name }) : bridgeAddress({ platform: name })
  return { url: url.href, platform: name, token: secret }
}
