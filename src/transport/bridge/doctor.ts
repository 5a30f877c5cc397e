import { WgrokError } from '../../errors.js'
import type { DoctorOptions, Finding, Fixes } from '../doctor.js'
import { failed } from '../doctor.js'
import { createBridgeTransport } from './transport.js'

const FIXES: Fixes = {
  'auth-failed': 'Take the token that WGROK_BRIDGE_TOKENS of the router has for this platform name.',
  'config-invalid': 'WGROK_TOKEN has the form ws://platform:token@host:port, or wss.',
  'platform-unavailable': 'Start the router; check host and port, WGROK_PROXY, and what is in between.',
  timeout: 'Start the router; check host and port, WGROK_PROXY, and what is in between.',
  otherwise: 'See the bridge page of the documentation.',
}

/** How long the router may take to let us in, in ms: beyond that the client goes on trying. */
const PATIENCE = 10_000

/** Registers with the router as any adapter does, and leaves again; sends nothing. */
export async function* check(token: string, options: DoctorOptions): AsyncGenerator<Finding, void, void> {
  const { proxy, role, signal } = options
  try {
    const transport = createBridgeTransport(token, { role, ...(proxy === undefined ? {} : { proxy }) })
    try {
      await Promise.race([transport.listen(async () => {}), ended(signal), lastFailure(transport.status())])
    } finally {
      await transport.close()
    }
    yield { ok: true, what: 'the router takes the token on its bridge' }
  } catch (caught) {
    yield failed('the bridge does not let us in', caught, FIXES)
  }
}

/** The client tries again for ever; here the first failure is the answer. */
async function lastFailure(statuses: ReturnType<ReturnType<typeof createBridgeTransport>['status']>): Promise<void> {
  for await (const status of statuses) {
    if (status.state === 'live') return
    if (status.state === 'reconnecting' && status.error !== undefined) throw status.error
    if (status.state === 'failed') throw status.error
  }
}

function ended(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_resolve, reject) => {
    const late = (): void => reject(new WgrokError('timeout', `no answer within ${PATIENCE / 1000} s`))
    setTimeout(late, PATIENCE).unref()
    if (signal?.aborted === true) late()
    signal?.addEventListener('abort', late, { once: true })
  })
}
