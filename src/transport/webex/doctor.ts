import {
  webexGetCatalogCall,
  webexGetMeCall,
  webexListDevicesCall,
  webexListRoomsCall,
} from '../../../generated/rest.js'
import { WgrokError } from '../../errors.js'
import type { Address } from '../../protocol.js'
import { formatAddress } from '../address.js'
import { createDial } from '../dial.js'
import { type DoctorOptions, type Finding, type Fixes, failed } from '../doctor.js'
import { checkAddress } from './address.js'
import { catalogUrl, createWebexApi, type WebexApi } from './api.js'
import { rawId } from './ids.js'

const NETWORK = 'Check the network, WGROK_PROXY, WGROK_WEBEX_API_URL and WGROK_WEBEX_CATALOG_URL.'
const FIXES: Fixes = {
  'auth-failed': 'Regenerate the access token of the bot; check the proxy credentials if there is a proxy.',
  'target-invalid': 'Route to an e-mail address, a person id or a room id.',
  'platform-unavailable': NETWORK,
  timeout: NETWORK,
  otherwise: 'See the Webex page of the documentation.',
}

/** Devices above which Webex will soon refuse to register another. */
const MANY_DEVICES = 80

/** Looks at token, catalog, devices and route targets; changes nothing and sends nothing. */
export async function* check(token: string, options: DoctorOptions): AsyncGenerator<Finding, void, void> {
  const { apiUrl, proxy, signal, targets = [] } = options
  const api = createWebexApi(token, { dial: createDial(proxy === undefined ? {} : { proxy }), apiUrl })
  const common = signal === undefined ? {} : { signal }
  try {
    const me = await api.call(webexGetMeCall, { params: {}, ...common })
    yield { ok: true, what: `Webex knows the token: ${me.emails[0] ?? me.id}, a ${me.type ?? 'person'}` }
    yield* checkListening(api, catalogUrl(options.catalogUrl, apiUrl), common)
    yield* checkTargets(api, targets, common)
  } catch (caught) {
    yield failed('Webex does not take the token', caught, FIXES)
  } finally {
    await api.close()
  }
}

async function* checkListening(
  api: WebexApi,
  catalog: string,
  common: { signal?: AbortSignal },
): AsyncGenerator<Finding> {
  try {
    const params = { format: 'hostmap' }
    const url = catalog + webexGetCatalogCall.path(params)
    const { serviceLinks } = await api.call(webexGetCatalogCall, { params, url, ...common })
    yield { ok: true, what: 'the service catalog answers' }
    const base = serviceLinks['wdm']
    if (base === undefined) return
    const { devices } = await api
      .call(webexListDevicesCall, { params: {}, url: `${base}/devices`, ...common })
      // No device was registered yet.
      .catch(error => (WgrokError.from(error).code === 'target-not-found' ? { devices: [] } : Promise.reject(error)))
    const what = `${devices.length} devices are registered`
    if (devices.length < MANY_DEVICES) yield { ok: true, what }
    else
      yield { ok: false, what, fix: 'Stop what registers so many; wgrok deletes its own when Webex refuses another.' }
  } catch (caught) {
    yield failed('events cannot be listened for', caught, FIXES)
  }
}

/** Rooms can be looked up; whether an address exists shows only when something is sent to it. */
async function* checkTargets(
  api: WebexApi,
  targets: readonly Address[],
  common: { signal?: AbortSignal },
): AsyncGenerator<Finding> {
  const wanted = targets.some(({ platform, kind }) => platform === 'webex' && kind === 'room')
  const params = { max: '1000' }
  const rooms = wanted
    ? await api.call(webexListRoomsCall, { params, ...common }).then(
        ({ items }) => new Map(items.map(room => [rawId(room.id), room])),
        () => undefined,
      )
    : undefined
  for (const target of targets) {
    const name = formatAddress(target)
    try {
      checkAddress(target)
    } catch (caught) {
      yield failed(`${name} is not reachable`, caught, FIXES)
      continue
    }
    if (target.kind !== 'room' || rooms === undefined) {
      yield { ok: true, what: `${name} is an address that Webex takes` }
      continue
    }
    const room = rooms.get(rawId(target.id))
    if (room === undefined) {
      yield { ok: false, what: `${name}: the account is not in that room`, fix: 'Add the bot to the room.' }
    } else if (room.type === 'direct') {
      yield { ok: true, what: `${name} is a direct room` }
    } else {
      yield {
        ok: true,
        what: `${name} is a group room: bots in it hear only what mentions them, so route to an agent by e-mail`,
      }
    }
  }
}
