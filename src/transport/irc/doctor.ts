import { systemClock } from '../../clock.js'
import { WgrokError } from '../../errors.js'
import { silent } from '../../log.js'
import type { Address } from '../../protocol.js'
import { formatAddress } from '../address.js'
import { createDial } from '../dial.js'
import { type DoctorOptions, type Finding, type Fixes, failed } from '../doctor.js'
import { Budget } from './budget.js'
import type { IrcLine } from './framework.js'
import { type Link, openLink } from './link.js'
import { Rooms } from './rooms.js'
import { type IrcSettings, readSettings } from './settings.js'

const FIXES: Fixes = {
  'auth-failed':
    'Check nick and password, and the server’s certificate; check the proxy credentials if there is a proxy.',
  'config-invalid': 'Write nick:password@server:port/#channel.',
  'dependency-missing': 'Run npm install irc-framework where wgrok is installed.',
  forbidden: 'Ask an operator of the channel or network to let the nick in.',
  'target-not-found': 'Check the name; a nick can be reached only while it is connected.',
  'platform-unavailable': 'Check server, port and WGROK_PROXY; begin with irc:// where the port speaks no TLS.',
  timeout: 'Check server, port and WGROK_PROXY; begin with irc:// where the port speaks no TLS.',
  otherwise: 'See the IRC page of the documentation.',
}
/** For an answer to ISON, in ms. */
const ISON_TIMEOUT = 5_000

/** Connects, joins the channels, asks for the targets, and leaves. It sends no message; channels see it come and go. */
export async function* check(token: string, options: DoctorOptions): AsyncGenerator<Finding, void, void> {
  let settings: IrcSettings
  try {
    settings = readSettings(token)
  } catch (caught) {
    yield failed('the connection string cannot be read', caught, FIXES)
    return
  }
  yield settings.secure
    ? { ok: true, what: 'the connection is encrypted, and the certificate checked' }
    : { ok: false, what: 'the connection is not encrypted', fix: 'Use ircs:// unless the server is on this machine.' }
  const visit = new Visit(settings, options)
  try {
    const link = await visit.open()
    yield { ok: true, what: `${link.network} has greeted us` }
    yield* identity(link, settings)
    yield* channels(await visit.join(), settings)
    yield* receipts(link, visit.budget)
    for (const target of options.targets ?? []) yield await visit.reach(target)
  } catch (caught) {
    yield failed('there is no connection', caught, FIXES)
  } finally {
    await visit.close()
  }
}

function* identity(link: Link, settings: IrcSettings): Generator<Finding> {
  yield link.isOwn(settings.nick)
    ? { ok: true, what: `the nick is ${link.nick}` }
    : {
        ok: false,
        what: `the nick is ${link.nick}, not ${settings.nick}`,
        fix: 'Somebody has it, maybe a router that runs now; or the server wants a shorter one.',
      }
  if (link.account !== undefined) yield { ok: true, what: `the account is ${link.account}` }
  yield link.has('account-tag')
    ? { ok: true, what: 'the server tells the accounts of others' }
    : {
        ok: false,
        what: 'the server does not tell accounts: the allowlist can go by nick!user@host only, which anybody can take',
        fix: 'List exact masks, or use a network with account-tag.',
      }
}

function* channels(rooms: Rooms, settings: IrcSettings): Generator<Finding> {
  for (const name of settings.channels) {
    const problem = rooms.problem(name)
    yield problem === undefined ? { ok: true, what: `we are in ${name}` } : failed(`not in ${name}`, problem, FIXES)
  }
}

function* receipts(link: Link, budget: Budget): Generator<Finding> {
  yield { ok: true, what: `a line to the longest channel holds ${budget.limit.size} bytes` }
  const echo = link.has('echo-message')
  yield { ok: true, what: echo ? 'messages are confirmed by echo' : 'messages are not confirmed by this server' }
}

/** One connection, for looking around. */
class Visit {
  readonly budget: Budget
  readonly #settings: IrcSettings
  readonly #options: DoctorOptions
  readonly #seen = new Set<(line: IrcLine) => void>()
  #link: Link | undefined
  #rooms: Rooms | undefined

  constructor(settings: IrcSettings, options: DoctorOptions) {
    this.#settings = settings
    this.#options = options
    this.budget = new Budget('router')
  }

  async open(): Promise<Link> {
    const { proxy, signal = new AbortController().signal } = this.#options
    this.#link = await openLink({
      settings: this.#settings,
      external: false,
      dial: createDial(proxy === undefined ? {} : { proxy }),
      clock: systemClock,
      logger: silent,
      signal,
      line: (line, link) => {
        this.#rooms?.heard(line)
        if (line.command === 'JOIN' && link.isOwn(line.nick)) this.budget.learn(line.prefix)
        for (const see of this.#seen) see(line)
      },
      stale: () => {},
    })
    return this.#link
  }

  async join(): Promise<Rooms> {
    const { channels } = this.#settings
    for (const name of channels) this.budget.aim(name)
    const link = this.#linked()
    const rooms = new Rooms({ link, channels, random: Math.random, logger: silent, charge: () => {} })
    this.#rooms = rooms
    link.ended.then(() => rooms.close())
    // Which of them did not work is looked at one by one.
    await rooms.join().catch(() => {})
    return rooms
  }

  async reach(target: Address): Promise<Finding> {
    const what = formatAddress(target)
    try {
      if (target.kind === 'channel') {
        await this.#rooms?.ensure(target.id, this.#options.signal ?? AbortSignal.timeout(30_000))
        return { ok: true, what: `${what} is reachable` }
      }
      if (await this.#isOn(target.id)) return { ok: true, what: `${what} is connected` }
      throw new WgrokError('target-not-found', 'nobody has this nick now')
    } catch (caught) {
      return failed(`${what} is not reachable`, caught, FIXES)
    }
  }

  async close(): Promise<void> {
    await this.#link?.quit()
  }

  #isOn(nick: string): Promise<boolean> {
    const link = this.#linked()
    return new Promise((resolve, reject) => {
      const timer = link.after(ISON_TIMEOUT, () => done(() => reject(new WgrokError('timeout', 'no answer to ISON'))))
      const see = ({ command, params }: IrcLine): void => {
        if (command !== '303') return
        const on = (params.at(-1) ?? '').split(' ').some(name => link.fold(name) === link.fold(nick))
        done(() => resolve(on))
      }
      const done = (settle: () => void): void => {
        timer.cancel()
        this.#seen.delete(see)
        settle()
      }
      this.#seen.add(see)
      link.write(`ISON ${nick}`)
    })
  }

  #linked(): Link {
    if (this.#link === undefined) throw new WgrokError('internal', 'not connected')
    return this.#link
  }
}
