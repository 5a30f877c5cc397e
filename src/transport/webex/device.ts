import { hostname } from 'node:os'
import type { WebexCatalog, WebexDevice, WebexDeviceRequest } from '../../../generated/models.js'
import {
  type RestCall,
  webexCreateDeviceCall,
  webexGetCatalogCall,
  webexListDevicesCall,
} from '../../../generated/rest.js'
import { WgrokError } from '../../errors.js'
import type { Logger } from '../../log.js'
import { WEBEX_DEVICES_URL, type WebexApi } from './api.js'

/** Options of {@link WebexDevices}. */
export interface WebexDevicesOptions {
  readonly api: WebexApi
  readonly catalogUrl: string
  /** Distinguishes routers from peers on one machine. */
  readonly role: string
  readonly logger: Logger
  readonly random: () => number
}

/** A device with a socket. */
export type LiveDevice = WebexDevice & { readonly webSocketUrl: string }

const REFRESH: RestCall<object, WebexDeviceRequest, WebexDevice> = {
  ...webexCreateDeviceCall,
  id: 'webexRefreshDevice',
  method: 'PUT',
}
// The answer to DELETE is empty or nothing that matters.
const DELETE: RestCall<object, undefined, unknown> = {
  id: 'webexDeleteDevice',
  method: 'DELETE',
  path: () => '',
  reply: ((_reply: unknown): _reply is unknown => true) as RestCall<object, undefined, unknown>['reply'],
}

/**
 * The device that events are sent to: found again by its name, refreshed, registered anew when Webex has forgotten it.
 *
 * The hosts come from the service catalog: a device in the wrong region has a healthy socket on which nothing happens.
 */
export class WebexDevices {
  readonly #options: WebexDevicesOptions
  #name: string
  #current: LiveDevice | undefined
  #catalog: WebexCatalog | undefined
  /** Whether this device was registered, or taken up, by this object. */
  #mine = false

  constructor(options: WebexDevicesOptions) {
    this.#options = options
    this.#name = `wgrok-${options.role}-${hostname()}`.slice(0, 64)
  }

  /** The device to connect with. Cheap when it is known and was not given up. */
  async acquire(signal: AbortSignal): Promise<LiveDevice> {
    this.#catalog ??= await this.#discover(signal)
    this.#current ??= await this.#find(signal)
    return this.#current
  }

  /** Cluster of a conversation's host, for REST ids. */
  clusterOf(host: string): string {
    for (const entries of Object.values(this.#catalog?.hostCatalog ?? {})) {
      for (const entry of entries) {
        if (entry.host !== host || entry.id === undefined) continue
        const cluster = entry.id.slice(0, entry.id.lastIndexOf(':'))
        // The first region writes its ids with its short name.
        return cluster === 'urn:TEAM:us-east-2_a' ? 'us' : cluster
      }
    }
    const byKey = this.#catalog?.hostCatalog?.[host]?.[0]?.id
    const cluster = byKey?.slice(0, byKey.lastIndexOf(':')) ?? 'us'
    return cluster === 'urn:TEAM:us-east-2_a' ? 'us' : cluster
  }

  /** Webex knows the socket's URL no more: refreshes the device, or registers another. */
  async renew(signal: AbortSignal): Promise<void> {
    const device = this.#current
    this.#current = undefined
    if (device === undefined) return
    try {
      this.#current = live(
        await this.#options.api.call(REFRESH, { params: {}, url: device.url, body: this.#request(), signal }),
      )
    } catch (caught) {
      const error = WgrokError.from(caught)
      if (error.code !== 'target-not-found') throw error
    }
  }

  /** Another program has taken this device over: the next one gets a name of its own. */
  yield(): void {
    this.#current = undefined
    this.#mine = false
    this.#name = `${this.#name.slice(0, 56)}-${Math.floor(this.#options.random() * 36 ** 6).toString(36)}`
  }

  /** Takes the device back, so that registrations do not pile up. Best effort. */
  async release(signal: AbortSignal): Promise<void> {
    const device = this.#current
    this.#current = undefined
    if (device === undefined || !this.#mine) return
    await this.#options.api.call(DELETE, { params: {}, url: device.url, signal }).catch(() => {})
  }

  async #discover(signal: AbortSignal): Promise<WebexCatalog> {
    const { api, catalogUrl, logger } = this.#options
    const params = { format: 'hostmap' }
    try {
      return await api.call(webexGetCatalogCall, { params, url: catalogUrl + webexGetCatalogCall.path(params), signal })
    } catch (caught) {
      const error = WgrokError.from(caught)
      if (error.code === 'auth-failed' || error.code === 'aborted') throw error
      logger.warn('the Webex service catalog cannot be read; events may come from another region', { code: error.code })
      return { serviceLinks: { wdm: WEBEX_DEVICES_URL } }
    }
  }

  async #find(signal: AbortSignal): Promise<LiveDevice> {
    const { api } = this.#options
    const { devices } = await api
      .call(webexListDevicesCall, { params: {}, url: `${this.#base()}/devices`, signal })
      // No device was registered yet.
      .catch(error => (WgrokError.from(error).code === 'target-not-found' ? { devices: [] } : Promise.reject(error)))
    const known = devices.find(device => device.name === this.#name && device.webSocketUrl !== undefined)
    this.#mine = true
    return known === undefined ? await this.#register(devices, signal) : live(known)
  }

  async #register(devices: readonly WebexDevice[], signal: AbortSignal): Promise<LiveDevice> {
    const { api, logger } = this.#options
    const post = (): Promise<WebexDevice> =>
      api.call(webexCreateDeviceCall, { params: {}, url: `${this.#base()}/devices`, body: this.#request(), signal })
    try {
      return live(await post())
    } catch (caught) {
      const error = WgrokError.from(caught)
      const ours = devices.filter(device => device.name?.startsWith('wgrok-') === true)
      // "User has excessive device registrations" is a refusal without a code of its own.
      if (error.status >= 500 || error.code !== 'platform-rejected' || ours.length === 0) throw error
      const oldest = ours.toSorted((a, b) => ((a.modificationTime ?? '') < (b.modificationTime ?? '') ? -1 : 1))
      logger.warn('Webex has too many devices of ours; the oldest third is deleted', { devices: ours.length })
      for (const device of oldest.slice(0, Math.ceil(oldest.length / 3))) {
        await api.call(DELETE, { params: {}, url: device.url, signal }).catch(() => {})
      }
      return live(await post())
    }
  }

  #base(): string {
    return (this.#catalog?.serviceLinks['wdm'] ?? WEBEX_DEVICES_URL).replace(/\/+$/, '')
  }

  #request(): WebexDeviceRequest {
    return {
      deviceName: this.#name,
      deviceType: 'DESKTOP',
      localizedModel: 'wgrok',
      model: 'wgrok',
      name: this.#name,
      systemName: 'wgrok',
      systemVersion: '1',
    }
  }
}

function live(device: WebexDevice): LiveDevice {
  const { webSocketUrl } = device
  if (webSocketUrl === undefined) throw new WgrokError('platform-rejected', 'Webex gave the device no socket URL')
  return { ...device, webSocketUrl }
}
