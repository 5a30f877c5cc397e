import { FRAME_LIMITS } from '../../../generated/limits.js'
import type { FrameLimit } from '../../protocol.js'

/** A line is 512 bytes with its CR LF, RFC 2812 section 2.3. */
const LINE = 510
/** What stands around the text: `:mask PRIVMSG target :text`. */
const AROUND = ': PRIVMSG  :'.length
/** What a router takes off a frame before it passes it on with a mask of its own. */
const ECHO = './echo:'.length

/**
 * How many bytes of text a line holds when it arrives.
 *
 * Servers put the sender's `nick!user@host` in front and cut what does not fit any more, silently. So the budget is
 * known only once the server has shown us our own mask; before, it is that of the spec's worst case.
 */
export class Budget {
  readonly #role: 'router' | 'peer'
  #mask: string | undefined
  #own: number | undefined
  #others = 0
  #target = 0
  #limit: FrameLimit = FRAME_LIMITS.irc

  constructor(role: 'router' | 'peer') {
    this.#role = role
  }

  /** The largest frame that arrives whole at every target that was used or joined so far. */
  get limit(): FrameLimit {
    const size = this.#size(this.#target)
    if (size !== this.#limit.size) this.#limit = { ...FRAME_LIMITS.irc, size }
    return this.#limit
  }

  /** The largest text that arrives whole at `target`. */
  roomFor(target: string): number {
    if (this.#own === undefined) return FRAME_LIMITS.irc.size
    return LINE - AROUND - this.#own - Buffer.byteLength(target)
  }

  /** Our own mask, as the server showed it just now. */
  learn(mask: string): void {
    if (!mask.includes('!') || !mask.includes('@') || mask === this.#mask) return
    this.#mask = mask
    this.#own = Buffer.byteLength(mask)
  }

  /** Our new nick, or our new user and host; the rest of the mask stays. */
  change(part: { readonly nick?: string; readonly user?: string; readonly host?: string }): void {
    const known = /^(.*?)!(.*)@([^@]*)$/.exec(this.#mask ?? '')
    if (known === null) return
    const [, nick = '', user = '', host = ''] = known
    this.learn(`${part.nick ?? nick}!${part.user ?? user}@${part.host ?? host}`)
  }

  /** Another user's mask. A peer's frames are passed on by the router under the router's mask, which may be longer. */
  meet(mask: string): void {
    if (mask.includes('!') && mask.includes('@')) this.#others = Math.max(this.#others, Buffer.byteLength(mask))
  }

  /** A target that frames go to. */
  aim(target: string): void {
    this.#target = Math.max(this.#target, Buffer.byteLength(target))
  }

  /** The connection is gone; on the next one we may be somebody else. */
  forget(): void {
    this.#mask = undefined
    this.#own = undefined
    this.#others = 0
  }

  #size(target: number): number {
    if (this.#own === undefined) return FRAME_LIMITS.irc.size
    const relayed = this.#role === 'peer' && this.#others > 0 ? this.#others - ECHO : 0
    return Math.max(1, LINE - AROUND - Math.max(this.#own, relayed) - target)
  }
}
