import { randomBytes } from 'node:crypto'
import type { Command } from 'commander'
import { type Cli, withExamples } from './command.js'
import { EXIT } from './exit.js'

const KEY_BYTES = 32

/** `wgrok keygen`: a key for WGROK_ENCRYPT_KEY. */
export function defineKeygen(program: Command, cli: Cli): void {
  const command = program
    .command('keygen')
    .description('Print a new random key for WGROK_ENCRYPT_KEY: 32 bytes in base64.')
    .option('--json', 'print {"key":"..."}')
    .action(
      cli.action(async (options: { readonly json?: boolean }) => {
        const key = randomBytes(KEY_BYTES).toString('base64')
        await cli.io.stdout(options.json === true ? `${JSON.stringify({ key })}\n` : `${key}\n`)
        return EXIT.ok
      }),
    )
  withExamples(command, ['wgrok keygen', 'echo "WGROK_ENCRYPT_KEY=$(wgrok keygen)" >> .env'])
}
