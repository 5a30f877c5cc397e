import { webexGetMeCall } from '../../../generated/rest.js'
import type { Identity } from '../../access/identity.js'
import type { WebexApi } from './api.js'
import { rawId } from './ids.js'

/** Whose token it is. */
export interface WebexSelf {
  /** Raw id: REST and events write it differently, and only the raw form compares. */
  readonly uuid: string
  readonly email: string
  /** Names that a mention of ours shows. */
  readonly names: readonly string[]
  /** Bots read only what mentions them in a group room. */
  readonly bot: boolean
}

/** Asks whose token it is. @throws WgrokError as a REST call does */
export async function askSelf(api: WebexApi, signal?: AbortSignal): Promise<WebexSelf> {
  const me = await api.call(webexGetMeCall, { params: {}, ...(signal === undefined ? {} : { signal }) })
  const name = me.displayName ?? ''
  // Clients shorten the name of a person to the first word; the name of a bot stands as a whole.
  const first = name.split(/\s/)[0] ?? ''
  const names = [name, first].filter(one => one !== '')
  return { uuid: rawId(me.id), email: me.emails[0] ?? '', names, bot: me.type === 'bot' }
}

/** The author of a message: the e-mail address, which the cloud sets and not the sender. */
export function identify(personEmail: string): Identity {
  return { principals: [personEmail.toLowerCase()] }
}
