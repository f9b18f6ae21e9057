import { UsageError } from '#given/errors.ts'
import { command } from '../lib/command.ts'
import { suggest } from '../lib/suggest.ts'

const VERBS = {
  run: 'runs a command in a container',
  exec: 'runs one more command in a running one',
  build: 'makes an image in steps, a layer each',
  commit: 'makes an image of what a running one has changed',
  diff: 'shows what a running one has changed',
  images: 'lists the images there are',
  history: 'shows the steps and layers of an image',
  tag: 'gives an image one more name',
  rmi: 'removes images',
  prune: 'removes what belongs to no image',
  load: "takes images of an archive: docker's, podman's, OCI's",
  save: 'writes images to an archive',
  import: 'makes an image of a folder or a tar',
  stats: 'shows what the running ones take',
  pause: 'stops all that runs in one',
  unpause: 'lets it go on',
  help: 'shows this',
}

await command(
  {
    name: 'box',
    usage: 'npm run box -- VERB …',
    about: ['Your container, as a tool.', '', ...list(VERBS)].join('\n'),
    examples: ['npm run box -- run -- sh', 'npm run box -- run --help'],
    failure: 125,
  },
  async ({ positionals: [verb] }) => {
    if (verb === undefined) throw new UsageError('what? For a shell in a container: npm run box -- run -- sh')
    if (verb !== 'help')
      throw new UsageError(`'${verb}' is nothing that it can do. ${suggest(verb, Object.keys(VERBS))}`)
    console.log(list(VERBS).join('\n'))
    return 0
  },
)

function list(verbs: Record<string, string>): string[] {
  return Object.entries(verbs).map(([name, does]) => `  ${name.padEnd(10)} ${does}`)
}
