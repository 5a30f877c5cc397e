import { serveTestee } from '../../conformance/driver/stdio.js'
import { wgrokTestee } from '../../conformance/wgrok-testee.js'
import { EXIT, type ExitCode } from '../exit.js'
import type { CliIo } from '../io.js'
import { packageVersion } from './places.js'

/** Answers a driver until it says stop, or goes. */
export async function testee(io: CliIo): Promise<ExitCode> {
  const { stdin } = io
  try {
    await serveTestee(wgrokTestee(packageVersion()), stdin, line => io.stdout(line))
  } catch (error) {
    // Ctrl-C in the driver's terminal reaches the testee too.
    if (!io.interrupted.aborted) throw error
  }
  // A driver that keeps the pipe open after stop must not keep the process.
  if ('destroy' in stdin && typeof stdin.destroy === 'function') stdin.destroy()
  return EXIT.ok
}
