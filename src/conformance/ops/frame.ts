import {
  formatAppCommand,
  formatEcho,
  formatFlags,
  formatResponse,
  isEcho,
  isPause,
  isResume,
  parseAppCommand,
} from '../../../generated/frames.js'
import { WgrokError } from '../../errors.js'
import { readFlags } from '../../frame/flags.js'
import { echoFrame, responseFrame } from '../../frame/frame.js'
import { measure } from '../../frame/measure.js'
import { stripMention } from '../../frame/mention.js'
import { checkSlug, inboxOwner } from '../../frame/slug.js'
import type { AppCommand, FlagSet, Frame } from '../../protocol.js'
import { text, texts } from '../input.js'
import { limitOf } from '../roundtrip.js'
import type { Input, Operation } from '../testee.js'

/** Frames, flags, control commands, mentions and slugs. */
export const FRAME_OPS: Readonly<Record<string, Operation>> = {
  'frame.isEcho': input => isEcho(text(input, 'text')),
  'frame.parseEcho': input => echoFrame(text(input, 'text')),
  'frame.formatEcho': input => formatEcho(input as unknown as Frame),
  'frame.parseResponse': input => responseFrame(text(input, 'text')),
  'frame.formatResponse': input => formatResponse(input as unknown as Frame),
  'frame.parseAppCommand': input => appCommand(text(input, 'text')),
  'frame.formatAppCommand': input => formatAppCommand(input as unknown as AppCommand),
  'frame.measure': measureText,
  'frame.stripMention': input => stripMention(text(input, 'text'), texts(input, 'names')),
  'flags.parse': input => readFlags(text(input, 'text')),
  'flags.format': input => formatFlags(input as unknown as FlagSet),
  'control.isPause': input => isPause(text(input, 'text')),
  'control.isResume': input => isResume(text(input, 'text')),
  'slug.check': input => {
    checkSlug(text(input, 'slug'), 'slug')
    return true
  },
  'slug.inboxOwner': input => inboxOwner(text(input, 'slug')) ?? null,
}

function appCommand(line: string): AppCommand {
  const command = parseAppCommand(line)
  if (command === 'slug-empty') throw new WgrokError('slug-invalid', 'app is empty')
  if (typeof command === 'string') throw new WgrokError(command, 'not an application command')
  return command
}

function measureText(input: Input): number {
  const limit = limitOf(input)
  if (limit === undefined) throw new TypeError('case input: neither limit nor platform')
  return measure(text(input, 'text'), limit)
}
