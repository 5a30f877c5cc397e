import type { FlagsSpec, PrimitiveModel } from '../ir.js'
import { constant, pascal, quote } from '../names.js'
import { EmitError } from './file.js'
import { generatedFrom, type Printer } from './printer.js'

/** Most digits of N and M, so that both stay exact and the text stays short. */
const MAX_DIGITS = 9

/** `parseFlags`, `formatFlags` and `NO_FLAGS` for a string schema with `x-wgrok-flags`. */
export function emitFlags(out: Printer, model: PrimitiveModel): void {
  const flags = model.flags
  if (flags === undefined) return
  check(flags)
  const from = generatedFrom(model.pointer)
  const none = `NO_${constant(model.name)}`
  out.doc('What stands for no flag at all.', from).print(`export const ${none} = ${quote(flags.none)}`, '')
  emitConstants(out, flags)
  emitParse(out, model, flags, none)
  emitFormat(out, model, flags, none)
}

/** One shared result per combination of letters: parsing flags without a chunk allocates nothing. */
function emitConstants(out: Printer, flags: FlagsSpec): void {
  for (const combination of combinations(flags)) {
    const members = flags.letters.map(({ letter, field }) => `${field}: ${combination.includes(letter)}`)
    out.print(`const ${constantName(combination)}: ${flags.fields} = Object.freeze({ ${members.join(', ')} })`)
  }
  out.print('')
}

function emitParse(out: Printer, model: PrimitiveModel, flags: FlagsSpec, none: string): void {
  const name = pascal(model.name)
  const letters = flags.letters.map(entry => `[${entry.letter}]`).join('')
  const shown = flags.chunk ? `${letters}[N/M]` : letters
  out.doc(
    `Reads flags: \`${flags.none}\` or \`${shown}\`${flags.chunk ? ` with 1 <= N <= M, decimal, M of at most ${MAX_DIGITS} digits` : ''}. Undefined for anything else.`,
    'Results without a chunk are shared and frozen.',
    generatedFrom(model.pointer),
  )
  out.print(`export function parse${name}(text: string): ${flags.fields} | undefined {`, 'switch (text) {')
  out.print(`case ${none}:`, `return ${constantName('')}`)
  for (const combination of combinations(flags).slice(1)) {
    out.print(`case ${quote(combination)}:`, `return ${constantName(combination)}`)
  }
  out.print('}')
  if (!flags.chunk) {
    out.print('return undefined', '}', '')
    return
  }
  out.print('let at = 0')
  for (const { letter, field } of flags.letters) {
    out.print(`const ${field} = text.charCodeAt(at) === ${letter.charCodeAt(0)}`, `if (${field}) at += 1`)
  }
  const fields = flags.letters.map(entry => entry.field).join(', ')
  out.print(
    "const slash = text.indexOf('/', at)",
    'if (slash === -1) return undefined',
    'const index = parseCount(text, at, slash)',
    'const total = parseCount(text, slash + 1, text.length)',
    `return index === 0 || index > total ? undefined : { ${fields}, chunk: { index, total } }`,
    '}',
    '',
    `/** A decimal number from 1 to ${MAX_DIGITS} digits without a leading zero, or 0 for anything else. */`,
    'function parseCount(text: string, start: number, end: number): number {',
    `if (end - start < 1 || end - start > ${MAX_DIGITS} || text.charCodeAt(start) === 48) return 0`,
    'let value = 0',
    'for (let at = start; at < end; at++) {',
    'const digit = text.charCodeAt(at) - 48',
    'if (digit < 0 || digit > 9) return 0',
    'value = value * 10 + digit',
    '}',
    'return value',
    '}',
    '',
  )
}

function emitFormat(out: Printer, model: PrimitiveModel, flags: FlagsSpec, none: string): void {
  out.doc('Writes flags as they stand on the wire.', generatedFrom(model.pointer))
  out.print(`export function format${pascal(model.name)}(set: ${flags.fields}): string {`)
  const letters = flags.letters.map(({ letter, field }) => `(set.${field} ? ${quote(letter)} : '')`)
  out.print(`const letters = ${letters.join(' + ')}`)
  if (flags.chunk) {
    out.print("if (set.chunk !== undefined) return letters + set.chunk.index + '/' + set.chunk.total")
  }
  out.print(`return letters === '' ? ${none} : letters`, '}', '')
}

/** `['', 'z', 'e', 'ze']`: every subset of the letters, letters in order. */
function combinations(flags: FlagsSpec): string[] {
  const all = ['']
  for (const { letter } of flags.letters) all.push(...all.map(text => text + letter))
  return all
}

function constantName(combination: string): string {
  return combination === '' ? 'PLAIN' : `ONLY_${combination.toUpperCase()}`
}

function check(flags: FlagsSpec): void {
  const good = flags.letters.every(({ letter, field }) => /^[a-z]$/.test(letter) && /^[a-z]\w*$/i.test(field))
  if (!good || flags.letters.length > 4) {
    throw new EmitError(flags.pointer, 'flags are at most four lower-case letters, each with a field name')
  }
}
