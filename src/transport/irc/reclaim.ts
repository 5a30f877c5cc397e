import type { IrcLine } from './framework.js'
import type { Link } from './link.js'

/** When the steps come after registration, in ms; the last one is repeated. */
const STEPS = { regain: 1_000, ghost: 6_000, nick: 10_000, again: 60_000 } as const

/**
 * Gets our nick back when the server gave us another one, because a ghost of our last connection holds it: asks the
 * services, and takes the nick as soon as it is free.
 *
 * The services are asked with the command `NICKSERV`, which only they receive. A message to somebody who is just called
 * NickServ would hand out the password.
 */
export class Reclaim {
  readonly #link: Link
  readonly #password: string | undefined

  constructor(link: Link, password: string | undefined) {
    this.#link = link
    this.#password = password
    if (this.#has()) return
    if (password !== undefined) {
      link.after(STEPS.regain, () => this.#services('REGAIN'))
      link.after(STEPS.ghost, () => this.#services('GHOST'))
    }
    link.after(STEPS.nick, () => this.#retry())
  }

  /** Tells of a line: the nick may be free now. */
  heard({ command, nick, params }: IrcLine): void {
    if ((command !== 'QUIT' && command !== 'NICK') || this.#has()) return
    const { fold, policy } = { fold: (name: string) => this.#link.fold(name), policy: this.#link.policy }
    // Somebody who changes to another spelling of the same name keeps it.
    if (command === 'NICK' && fold(params[0] ?? '') === fold(policy.wanted)) return
    if (fold(nick) === fold(policy.wanted)) this.#take()
  }

  #has(): boolean {
    // A server that shortens nicks has given us all that it gives.
    return this.#link.isOwn(this.#link.policy.wanted) || !/_\d+$/.test(this.#link.nick)
  }

  #services(command: string): void {
    if (this.#has()) return
    // Logged in by SASL, the services know us; then there is no need to repeat the password.
    const password = this.#link.account === undefined ? ` ${this.#password}` : ''
    this.#link.write(`NICKSERV ${command} ${this.#link.policy.wanted}${password}`)
  }

  #retry(): void {
    if (this.#has()) return
    this.#take()
    this.#link.after(STEPS.again, () => this.#retry())
  }

  #take(): void {
    this.#link.write(`NICK ${this.#link.policy.wanted}`)
  }
}
