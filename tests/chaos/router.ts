// A router as a process of its own, to be killed. Prints `live` once it is.
import { botConfigFromEnv } from '../../src/config/from-env.js'
import { WgrokRouter } from '../../src/router/index.js'

const router = new WgrokRouter(botConfigFromEnv())
process.on('SIGTERM', () => void router.close().then(() => process.exit(0)))
await router.start()
process.stdout.write('live\n')
