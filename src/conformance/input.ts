import type { Input } from './testee.js'

/** A text field of a case. @throws TypeError when it is none: the case is wrong, not the testee. */
export function text(input: Input, name: string): string {
  const value = input[name]
  if (typeof value !== 'string') throw new TypeError(`case input: ${name} is not text`)
  return value
}

/** A list of texts; empty when absent. @throws TypeError as {@link text} does. */
export function texts(input: Input, name: string): readonly string[] {
  const value = input[name] ?? []
  if (!Array.isArray(value) || !value.every(item => typeof item === 'string')) {
    throw new TypeError(`case input: ${name} is not a list of texts`)
  }
  return value
}

/** A whole number, or undefined when absent. @throws TypeError as {@link text} does. */
export function count(input: Input, name: string): number | undefined {
  const value = input[name]
  if (value === undefined) return undefined
  if (!Number.isInteger(value)) throw new TypeError(`case input: ${name} is not a whole number`)
  return value as number
}

/** An object field. @throws TypeError as {@link text} does. */
export function record(input: Input, name: string): Input {
  const value = input[name]
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`case input: ${name} is not an object`)
  }
  return value as Input
}

/** A list of objects. @throws TypeError as {@link text} does. */
export function records(input: Input, name: string): readonly Input[] {
  const value = input[name]
  if (!Array.isArray(value)) throw new TypeError(`case input: ${name} is not a list`)
  return value.map((item, index) => record({ [`${name}[${index}]`]: item }, `${name}[${index}]`))
}
