import type { Json } from '../ir.js'
import { literalText } from './type-text.js'

/** A keyword that one condition decides. */
export interface Rule {
  /** JavaScript that is true for a violation. */
  readonly violated: string
  readonly params: Json
  readonly message: string
}

/** Each takes the JavaScript that reads the value, and what the keyword says. */
export const RULES: Readonly<Record<string, (value: string, expected: never) => Rule>> = {
  maximum: (value, limit: number) => comparison(`${value} > ${limit}`, '<=', limit),
  minimum: (value, limit: number) => comparison(`${value} < ${limit}`, '>=', limit),
  exclusiveMaximum: (value, limit: number) => comparison(`${value} >= ${limit}`, '<', limit),
  exclusiveMinimum: (value, limit: number) => comparison(`${value} <= ${limit}`, '>', limit),
  multipleOf: (value, multipleOf: number) => ({
    violated: `!Number.isInteger(${value} / ${multipleOf})`,
    params: { multipleOf },
    message: `must be multiple of ${multipleOf}`,
  }),
  // A text has at most as many characters as UTF-16 units, and at least half as many: few texts have to be counted.
  maxLength: (value, limit: number) => {
    const counted = `(${value}.length > ${2 * limit} || characters(${value}) > ${limit})`
    return amount(`${value}.length > ${limit} && ${counted}`, 'more', limit, 'characters')
  },
  minLength: (value, limit: number) => {
    const counted = `${value}.length < ${2 * limit - 1} && characters(${value}) < ${limit}`
    return amount(limit <= 1 ? `${value}.length < ${limit}` : counted, 'fewer', limit, 'characters')
  },
  maxItems: (value, limit: number) => amount(`${value}.length > ${limit}`, 'more', limit, 'items'),
  minItems: (value, limit: number) => amount(`${value}.length < ${limit}`, 'fewer', limit, 'items'),
  maxProperties: (value, limit: number) =>
    amount(`Object.keys(${value}).length > ${limit}`, 'more', limit, 'properties'),
  minProperties: (value, limit: number) =>
    amount(`Object.keys(${value}).length < ${limit}`, 'fewer', limit, 'properties'),
  const: (value, allowedValue: Json) => ({
    violated: `${value} !== ${literalText(allowedValue)}`,
    params: { allowedValue },
    message: 'must be equal to constant',
  }),
  enum: (value, allowedValues: readonly Json[]) => ({
    violated: allowedValues.map(allowed => `${value} !== ${literalText(allowed)}`).join(' && '),
    params: { allowedValues },
    message: 'must be equal to one of the allowed values',
  }),
}

function comparison(violated: string, sign: string, limit: number): Rule {
  return { violated, params: { comparison: sign, limit }, message: `must be ${sign} ${limit}` }
}

function amount(violated: string, than: 'more' | 'fewer', limit: number, what: string): Rule {
  return { violated, params: { limit }, message: `must NOT have ${than} than ${limit} ${what}` }
}
