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
import { isExcess, WEBEX_CATALOG_URL, WEBEX_DEVICES_URL, type WebexApi } from './api.js'

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
const OURS = 'wgrok-'
/** Clusters of the first region write their ids with its short name. */
const FIRST_REGION = ['urn:TEAM:us-east-2_a', 'urn:TEAM:us-east-1_int13']

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
  /** What to do with the current device before it is used again. */
  #due: 'nothing' | 'refresh' | 'replace' = 'nothing'
  #refreshed = false
  /** Devices that Webex lists although it knows them no more. */
  readonly #gone = new Set<string>()

  constructor(options: WebexDevicesOptions) {
    this.#options = options
    this.#name = `${OURS}${options.role}-${hostname()}`.slice(0, 64)
  }

  /**
   * The device to connect with. Cheap when it is known and was not given up.
   *
   * @throws WgrokError as REST calls do
   */
  async acquire(signal: AbortSignal): Promise<LiveDevice> {
    this.#catalog ??= await this.#discover(signal)
    if (this.#current !== undefined && this.#due !== 'nothing') await this.#renew(this.#current, signal)
    this.#current ??= await this.#find(signal)
    return this.#current
  }

  /** Cluster of a conversation's host, for REST ids. */
  clusterOf(host: string): string {
    const catalog = this.#catalog?.hostCatalog ?? {}
    const listed = Object.values(catalog)
      .flat()
      .find(entry => entry.host === host && entry.id !== undefined)
    const id = (listed ?? catalog[host]?.[0])?.id
    const cluster = id?.split(':').slice(0, 3).join(':')
    return cluster === undefined || FIRST_REGION.includes(cluster) ? 'us' : cluster
  }

  /** The socket of the device is live. */
  proven(): void {
    this.#refreshed = false
  }

  /** Webex does not know the socket's URL: the device is refreshed before its next use, replaced when that was done. */
  renew(): void {
    this.#due = this.#refreshed ? 'replace' : 'refresh'
  }

  /** The device hears nothing: asks the catalog again, and registers another. */
  async reset(signal: AbortSignal): Promise<void> {
    await this.release(signal)
    this.#catalog = undefined
  }

  /** Another program has taken this device over: the next one gets a name of its own. */
  yield(): void {
    this.#forget()
    this.#name = `${this.#name.slice(0, 56)}-${Math.floor(this.#options.random() * 36 ** 6).toString(36)}`
  }

  /** Takes the device back, so that registrations do not pile up. Best effort: never rejects. */
  async release(signal: AbortSignal): Promise<void> {
    const device = this.#current
    this.#forget()
    if (device === undefined) return
    this.#gone.add(device.url)
    await this.#options.api.call(DELETE, { params: {}, url: device.url, signal }).catch(() => {})
  }

  #forget(): void {
    this.#current = undefined
    this.#due = 'nothing'
    this.#refreshed = false
  }

  async #renew(device: LiveDevice, signal: AbortSignal): Promise<void> {
    if (this.#due === 'refresh') {
      try {
        const input = { params: {}, url: device.url, body: this.#request(), signal }
        this.#current = live(await this.#options.api.call(REFRESH, input))
        this.#due = 'nothing'
        this.#refreshed = true
        return
      } catch (caught) {
        const error = WgrokError.from(caught)
        if (error.code !== 'target-not-found') throw error
      }
    }
    this.#gone.add(device.url)
    this.#forget()
  }

  async #discover(signal: AbortSignal): Promise<WebexCatalog> {
    const { api, catalogUrl, logger } = this.#options
    const params = { format: 'hostmap' }
    try {
      return await api.call(webexGetCatalogCall, { params, url: catalogUrl + webexGetCatalogCall.path(params), signal })
    } catch (caught) {
      const error = WgrokError.from(caught)
      // What can be had by waiting is worth it, and a token of another cloud does not go to the first region.
      if (error.retryable || catalogUrl !== WEBEX_CATALOG_URL) throw error
      if (error.code === 'auth-failed' || signal.aborted) throw error
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
    const known = devices.find(
      device => device.name === this.#name && device.webSocketUrl !== undefined && !this.#gone.has(device.url),
    )
    return known === undefined ? await this.#register(devices, signal) : live(known)
  }

  async #register(devices: readonly WebexDevice[], signal: AbortSignal): Promise<LiveDevice> {
    const { api, logger } = this.#options
    const post = (): Promise<WebexDevice> =>
      api.call(webexCreateDeviceCall, { params: {}, url: `${this.#base()}/devices`, body: this.#request(), signal })
    try {
      return live(await post())
    } catch (caught) {
      const ours = devices.filter(device => device.name?.startsWith(OURS) === true)
      if (!isExcess(caught) || ours.length === 0) throw caught
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
