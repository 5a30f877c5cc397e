import type { InboundMessage } from '../transport.js'
import type { IrcLine } from './framework.js'
import { type IrcNetwork, identify } from './identity.js'
import type { Link } from './link.js'

/** What reading a message needs to know of the connection. */
export type IrcView = IrcNetwork & Pick<Link, 'isOwn' | 'isChannel' | 'bareTarget'>

/** CTCP: requests and actions of clients, RFC-less but everywhere. */
const CTCP = '\u0001'

/**
 * The message in a line; undefined for what is none: notices, CTCP, servers, our own messages. Bots are heard.
 *
 * @param nextId gives ids where the server gives none
 */
export function readMessage(line: IrcLine, view: IrcView, nextId: () => string): InboundMessage | undefined {
  const { command, params, nick, tags } = line
  const [target, text] = params
  if (command !== 'PRIVMSG' || target === undefined || text === undefined || text === '') return undefined
  if (nick === '' || !line.prefix.includes('!') || view.isOwn(nick) || text.startsWith(CTCP)) return undefined
  const room = view.bareTarget(target)
  const id = tags['msgid']
  return {
    platform: 'irc',
    id: id === undefined || id === '' ? nextId() : `${view.network}/${id}`,
    text,
    cards: [],
    sender: identify(line, view),
    conversation: view.isChannel(room)
      ? { platform: 'irc', kind: 'channel', id: room }
      : { platform: 'irc', kind: 'nick', id: nick },
  }
}
