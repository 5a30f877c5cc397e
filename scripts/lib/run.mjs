import { spawn } from 'node:child_process'
import { ROOT } from './root.mjs'

/**
 * Runs one command and collects what it prints, so that parallel steps do not mix their output.
 *
 * @param {string} file
 * @param {readonly string[]} args
 * @param {{ env?: Record<string, string | undefined>, echo?: boolean }} [options] `echo`: print as it comes.
 * @returns {Promise<{ code: number, output: string }>} `code` is 128 when a signal ended the command.
 */
export function run(file, args, { env = {}, echo = false } = {}) {
  return new Promise(resolve => {
    const child = spawn(file, args, {
      cwd: ROOT,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    const collect = stream => chunk => {
      output += chunk
      if (echo) stream.write(chunk)
    }
    child.stdout.setEncoding('utf8').on('data', collect(process.stdout))
    child.stderr.setEncoding('utf8').on('data', collect(process.stderr))
    child.once('error', error => resolve({ code: 127, output: `${output}${error.message}\n` }))
    child.once('close', code => resolve({ code: code ?? 128, output }))
  })
}

/** Runs a script with this very Node. */
export function node(args, options) {
  return run(process.execPath, args, options)
}

/**
 * Runs npm: the one that started us, or else the one on the path.
 *
 * On Windows npm is a batch file, which only a shell starts; the arguments are our own, so that quoting is no concern.
 */
export function npm(args, options) {
  const cli = process.env['npm_execpath']
  if (cli?.endsWith('.js')) return node([cli, ...args], options)
  return process.platform === 'win32'
    ? run('cmd.exe', ['/d', '/s', '/c', 'npm', ...args], options)
    : run('npm', args, options)
}
