// Must compile: names and texts that would break out of their place in the source.
import { matchOdd, oddAddress } from './expected/channels.js'
import { LIMITS } from './expected/limits.js'
import { isObject, OBJECTS, type Odd } from './expected/models.js'
import { dispatchOddReceives } from './expected/stubs.js'
import { validateOdd } from './expected/validators.js'

export const odd: Odd = {
  ['__proto__']: 'p',
  constructor: 'c',
  toString: 't',
  hasOwnProperty: 'h',
  'quo"te': 'q',
  '': 'e',
  'path/with~tilde': 1,
}
export const texts: readonly ["it's", '*/', '`', '${x}', 'new\nline', '\u2028'] = OBJECTS
export const known: boolean = isObject('*/') && validateOdd(odd)
export const limit: 1 = LIMITS['odd name']
export const param: string | undefined = matchOdd(oddAddress({ p: 'a b' }))?.p

export const handled: string = dispatchOddReceives(
  odd,
  { constructor: message => message.constructor },
  undefined,
  undecoded => undecoded.operation,
)
