/*
 * Runs one row and tells the parent what came out. `run({ quick, progress })` of a row returns
 * `{ lines, charts?, skipped? }`.
 */
const [name, mode] = process.argv.slice(2)
const { run } = await import(`./rows/${name}.mjs`)
const tell = message =>
  process.send === undefined ? console.log(JSON.stringify(message, null, 1)) : process.send(message)
try {
  const result = await run({ quick: mode === 'quick', progress: text => tell({ progress: text }) })
  tell({ name, ...result })
  process.disconnect?.()
} catch (error) {
  process.stderr.write(`${error.stack}\n`)
  process.exitCode = 1
  process.disconnect?.()
}
