#!/usr/bin/env node
// Runs Webex's own client against the emulator in src/testing/webex. Opt-in: its packages are some 700, so they are
// installed into a temporary folder and never become part of this project. `--keep FOLDER` installs there, once.
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const VERSION = '3.12.0'
const PACKAGES = [
  'webex-core',
  'plugin-messages',
  'internal-plugin-user',
  'internal-plugin-device',
  'internal-plugin-mercury',
  'plugin-logger',
  'plugin-people',
  'plugin-rooms',
]
  .map(name => `@webex/${name}@${VERSION}`)
  // They need it and do not say so.
  .concat('@babel/runtime-corejs2@7')

const keep = process.argv.indexOf('--keep')
const folder = keep === -1 ? mkdtempSync(join(tmpdir(), 'webex-oracle-')) : process.argv[keep + 1]
const root = fileURLToPath(new URL('..', import.meta.url))

// What runs beside Webex's client: the emulator, from source.
const HOST = `
import { startWebexEmulator } from ${JSON.stringify(join(root, 'src/testing/webex/emulator.ts'))}
const emulator = await startWebexEmulator()
const bot = emulator.addBot('oracle')
const ann = emulator.addPerson('ann', 'ann@example.com')
const room = emulator.directRoom(bot, ann)
process.send({ api: emulator.apiUrl, catalog: emulator.catalogUrl, token: bot.token, room: room.id })
process.on('message', what => {
  if (what === 'say') emulator.say(ann, room, './echo:deploy:ci:-:start')
  if (what === 'state') process.send({ acks: emulator.sockets[0]?.acks.length, sent: emulator.messages.map(m => m.text) })
  if (what === 'close') emulator.close().then(() => process.exit(0))
})
`

const CLIENT = `
const { default: WebexCore } = require('@webex/webex-core')
for (const name of ['internal-plugin-user', 'internal-plugin-device', 'internal-plugin-mercury', 'plugin-logger',
  'plugin-people', 'plugin-rooms', 'plugin-messages']) require('@webex/' + name)
const token = process.env.ORACLE_TOKEN
const webex = new WebexCore({
  credentials: { supertoken: { access_token: token, token_type: 'Bearer' } },
  config: { logger: { level: 'error' } },
})
async function main() {
  await new Promise(resolve => webex.once('ready', resolve))
  await webex.internal.device.register()
  await webex.messages.listen()
  const created = new Promise(resolve => webex.messages.on('created', resolve))
  process.send('listening')
  const event = await created
  const reply = await webex.messages.create({ roomId: process.env.ORACLE_ROOM, text: 'deploy:ci:-:start' })
  process.send({ heard: event.data.text, from: event.data.personEmail, sent: reply.text })
  await webex.messages.stopListening()
  await webex.internal.device.unregister()
  process.exit(0)
}
main().catch(error => { console.error(error); process.exit(1) })
`

const started = []
const start = (command, args, options) => {
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], ...options })
  started.push(child)
  return child
}
const next = (child, wanted = () => true) =>
  new Promise((resolve, reject) => {
    const take = message => {
      if (!wanted(message)) return
      child.off('message', take)
      resolve(message)
    }
    child.on('message', take)
    child.once('exit', code => reject(new Error(`a process ended with ${code}`)))
  })

const timer = setTimeout(() => fail(new Error('nothing happened for too long')), 400_000)
function fail(error) {
  process.stderr.write(`${error.message}\n`)
  for (const child of started) child.kill()
  process.exitCode = 1
  clearTimeout(timer)
}

try {
  if (!existsSync(join(folder, 'node_modules/@webex/webex-core'))) {
    process.stdout.write(`installing ${PACKAGES.length} packages of Webex's\n`)
    const options = ['--no-audit', '--no-fund', '--loglevel=error', '--prefix', folder]
    execFileSync('npm', ['install', ...options, ...PACKAGES], { stdio: 'inherit', timeout: 300_000 })
  }
  writeFileSync(join(folder, 'host.mts'), HOST)
  writeFileSync(join(folder, 'client.cjs'), CLIENT)
  const loader = new URL('../node_modules/tsx/dist/loader.mjs', import.meta.url).href
  const host = start(process.execPath, ['--import', loader, join(folder, 'host.mts')])
  const { api, catalog, token, room } = await next(host)
  const env = {
    ...process.env,
    HYDRA_SERVICE_URL: api,
    U2C_SERVICE_URL: catalog,
    ORACLE_TOKEN: token,
    ORACLE_ROOM: room,
  }
  const client = start(process.execPath, [join(folder, 'client.cjs')], { cwd: folder, env })
  await next(client, message => message === 'listening')
  host.send('say')
  const { heard, from, sent } = await next(client)
  const state = next(host)
  host.send('state')
  const { acks } = await state
  const right = heard === './echo:deploy:ci:-:start' && from === 'ann@example.com' && sent === 'deploy:ci:-:start'
  if (!right || !(acks >= 2))
    throw new Error(`Webex's client saw something else: ${JSON.stringify({ heard, from, sent, acks })}`)
  process.stdout.write(`Webex's client ${VERSION} registered, listened, read a message, sent one; ${acks} acks\n`)
  client.removeAllListeners('exit')
  await new Promise(resolve => client.once('exit', resolve))
  host.removeAllListeners('exit')
  host.send('close')
  clearTimeout(timer)
} catch (error) {
  fail(error)
} finally {
  if (keep === -1) rmSync(folder, { recursive: true, force: true })
}
