import type { Identity } from '../../access/identity.js'
import type { IrcLine } from './framework.js'
import type { Link } from './link.js'

/** What names an author needs a connection for. */
export type IrcNetwork = Pick<Link, 'has' | 'network'>

/**
 * Who wrote a line: the account that the network's services vouch for where the line is tagged with one, else
 * `nick!user@host`, which anybody may call himself and only an exact pattern matches.
 */
export function identify(line: IrcLine, network: IrcNetwork): Identity {
  const account = network.has('account-tag') ? line.tags['account'] : undefined
  // `*` and `0` mean: not logged in. A name with an @ or ! could pass for another principal.
  if (account !== undefined && account !== '0' && /^[^\s@!*]+$/.test(account)) {
    return { principals: [`${account}@${network.network}`] }
  }
  return { principals: [line.prefix] }
}
