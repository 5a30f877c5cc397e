import { PLATFORMS } from '../../generated/models.js'
import { SERVER_NAME } from './envelope.js'

const NAME_FORM = /^[a-z0-9_-]{1,32}$/
const RESERVED: ReadonlySet<string> = new Set([...PLATFORMS, SERVER_NAME])

/** Whether an adapter may call its platform so: 1 to 32 of `a-z 0-9 _ -`, and not the name of something built in. */
export function isAdapterName(name: string): boolean {
  return NAME_FORM.test(name) && !RESERVED.has(name)
}
