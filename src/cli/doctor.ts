import type { Command } from 'commander'
import type { Finding } from '../transport/doctor.js'
import { type Cli, type EnvOptions, numberOption, readEnv, withEnvFile, withExamples } from './command.js'
import { EXIT, type ExitCode } from './exit.js'
import { deadline } from './io.js'
import { printable } from './text.js'

interface DoctorFlags extends EnvOptions {
  readonly json?: boolean
  readonly timeout: number
}

/** A finding, and which account or part it is about. */
export interface Diagnosis extends Finding {
  readonly subject: string
}

/** Longest `--timeout`, in seconds. */
const TIMEOUT_MAX = 3_600

/** `wgrok doctor`: what keeps a sender, receiver or router from working, and what to do about it. */
export function defineDoctor(program: Command, cli: Cli): void {
  const command = withEnvFile(program.command('doctor'))
    .description('Check configuration, tokens, scopes, reachability and route targets. Changes nothing, sends nothing.')
    .option('--timeout <seconds>', 'give up after', numberOption('timeout', 0.1, TIMEOUT_MAX, false), 60)
    .option('--json', 'one JSON object per finding: subject, ok, what, fix')
    .action(cli.action((flags: DoctorFlags) => doctor(cli, flags)))
  withExamples(command, ['wgrok doctor --env-file router.env', 'wgrok doctor --env-file .env --json'])
}

async function doctor({ io }: Cli, flags: DoctorFlags): Promise<ExitCode> {
  const { examine } = await import('./examine.js')
  const env = await readEnv(io, flags)
  const limit = deadline(io.interrupted, flags.timeout * 1000)
  let wrong = 0
  try {
    for await (const diagnosis of examine(env, limit.signal)) {
      if (io.interrupted.aborted) return EXIT.interrupted
      if (!diagnosis.ok) wrong += 1
      await io.stdout(flags.json === true ? json(diagnosis) : text(diagnosis))
    }
  } finally {
    limit.release()
  }
  if (io.interrupted.aborted) return EXIT.interrupted
  return wrong === 0 ? EXIT.ok : EXIT.no
}

function json({ subject, ok, what, fix }: Diagnosis): string {
  return `${JSON.stringify({ subject, ok, what, ...(fix === undefined ? {} : { fix }) })}\n`
}

function text({ subject, ok, what, fix }: Diagnosis): string {
  const advice = ok || fix === undefined ? '' : `        ${printable(fix)}\n`
  return `${ok ? 'ok   ' : 'WRONG'}  ${subject}: ${printable(what)}\n${advice}`
}
