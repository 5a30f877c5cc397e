import { WgrokError } from '../../errors.js'
import type { Address } from '../../protocol.js'
import { Budget } from '../../transport/irc/budget.js'
import { failureOf, farewell } from '../../transport/irc/failures.js'
import { parseLine } from '../../transport/irc/framework.js'
import { type IrcView, readMessage } from '../../transport/irc/inbound.js'
import { NickPolicy } from '../../transport/irc/nick.js'
import { privmsg, targetOf, textOf } from '../../transport/irc/outbound.js'
import { readSettings } from '../../transport/irc/settings.js'
import { count, record, text, texts } from '../input.js'
import type { Input, Operation } from '../testee.js'

/** What an IRC server is sent, and what is made of what it sends. */
export const IRC_OPS: Readonly<Record<string, Operation>> = {
  'irc.settings': input => readSettings(text(input, 'token')),
  'irc.line': lineOf,
  'irc.room': roomOf,
  'irc.message': message,
  'irc.failure': failure,
  'irc.nicks': nicks,
}

function lineOf(input: Input): string {
  const target = targetOf(record(input, 'to') as unknown as Address)
  return privmsg(target, textOf({ text: text(input, 'text') }))
}

/** How many bytes a line to `target` holds, after the server has shown these masks. */
function roomOf(input: Input): unknown {
  const budget = new Budget(input['role'] === 'peer' ? 'peer' : 'router')
  const own = input['own']
  if (typeof own === 'string') budget.learn(own)
  for (const mask of texts(input, 'others')) budget.meet(mask)
  const target = text(input, 'target')
  budget.aim(target)
  return { room: budget.roomFor(target), limit: budget.limit.size }
}

function message(input: Input): unknown {
  const own = text(input, 'nick').toLowerCase()
  const view: IrcView = {
    network: text(input, 'network'),
    has: name => texts(input, 'capabilities').includes(name),
    isOwn: name => name.toLowerCase() === own,
    isChannel: name => /^[#&]/.test(name),
    bareTarget: target => target.replace(/^[@+](?=[#&])/, ''),
  }
  const line = parseLine(text(input, 'line'))
  const heard = line === undefined ? undefined : readMessage(line, view, () => 'own-id')
  if (heard === undefined) return null
  const { id, text: said, sender, conversation } = heard
  return { id, text: said, principals: sender.principals, conversation }
}

/** The error that a numeric, or the reason of an ERROR, stands for; null where it is none. */
function failure(input: Input): null {
  const error = typeof input['reason'] === 'string' ? farewell(input['reason']) : failureOf(text(input, 'numeric'))
  if (error !== undefined) throw error
  return null
}

/** The nicks that are asked for in turn while the server refuses them with these numerics. */
function nicks(input: Input): unknown {
  const policy = new NickPolicy(text(input, 'nick'), count(input, 'max'))
  const asked = [policy.current]
  for (const numeric of texts(input, 'refusals')) {
    const next = numeric === '432' ? policy.refused() : policy.taken()
    if (next === undefined) throw new WgrokError('platform-unavailable', 'no nick is left')
    asked.push(next)
  }
  return asked
}
