import { WgrokError } from '../../errors.js'

/** What an IRC connection string says. */
export interface IrcSettings {
  readonly nick: string
  /** For SASL PLAIN where the server offers it, else for PASS. */
  readonly password: string | undefined
  readonly host: string
  readonly port: number
  readonly secure: boolean
  /** At least one. */
  readonly channels: readonly string[]
}

const PORT_TLS = 6697
const PORT_PLAIN = 6667
const FORM = 'nick:password@server:port/#channel[,#channel2]'

/** The password may hold anything, so it ends at the last `@` that a server and a channel follow. */
const PARTS = /^(?<who>.*)@(?<host>\[[0-9a-fA-F:.]+\]|[^@/:\s[\]]+)(?::(?<port>[^/]*))?\/(?<channels>[#&+!].*)$/su
const NICK = /^[\p{L}[\]\\`_^{|}][\p{L}\p{Nd}[\]\\`_^{|}-]*$/u
// No space, comma, BEL or line break, RFC 2812 section 1.3.
const CHANNEL = /^[#&+!][^\s,\p{Cc}]{1,199}$/u

/**
 * Reads `[ircs://|irc://]nick:password@server:port/#channel[,#channel2]`. TLS unless it begins with `irc://`; the port
 * defaults to 6697, or 6667 without TLS; `:password` may be missing. Channels may also be separated by spaces.
 *
 * @throws WgrokError `config-invalid` naming the part that is wrong; the message never repeats what was given.
 */
export function readSettings(text: string): IrcSettings {
  const scheme = /^(ircs?):\/\//i.exec(text.trim())
  if (scheme === null && /^[a-z]+:\/\//i.test(text)) throw invalid('begins with a scheme other than ircs:// or irc://')
  const secure = scheme?.[1]?.toLowerCase() !== 'irc'
  const rest = text.trim().slice(scheme?.[0].length ?? 0)
  const parts = PARTS.exec(rest)?.groups
  if (parts === undefined) throw invalid(missing(rest))
  const { who = '', host = '', port, channels = '' } = parts
  const colon = who.indexOf(':')
  const nick = colon === -1 ? who : who.slice(0, colon)
  const password = colon === -1 ? '' : who.slice(colon + 1)
  if (!NICK.test(nick)) throw invalid('has a nick that IRC does not allow')
  if (/[\r\n\0]/.test(password)) throw invalid('has a password with a line break or NUL in it')
  const names = channels.split(/[,\s]+/).filter(name => name !== '')
  if (!names.every(name => CHANNEL.test(name))) throw invalid('has a channel that does not begin with # & + or !')
  return {
    nick,
    password: password === '' ? undefined : password,
    host: host.replace(/^\[|\]$/g, ''),
    port: readPort(port, secure),
    secure,
    channels: [...new Set(names)],
  }
}

function readPort(text: string | undefined, secure: boolean): number {
  if (text === undefined) return secure ? PORT_TLS : PORT_PLAIN
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0
  if (port < 1 || port > 65_535) throw invalid('has a port that is not 1 to 65535')
  return port
}

function missing(rest: string): string {
  if (!rest.includes('@')) return 'has no nick and server with an @ in between'
  if (!/\/[#&+!]/.test(rest.slice(rest.lastIndexOf('@')))) return 'names no channel after the server'
  return 'has a server that is no host name or address'
}

function invalid(problem: string): WgrokError {
  return new WgrokError('config-invalid', `the IRC connection string ${problem}; expected ${FORM}`)
}
