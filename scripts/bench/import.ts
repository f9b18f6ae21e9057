import { rootTar } from './lib/place.ts'
import { does, type Subject } from './lib/subject.ts'
import { box, docker, NAME, podman } from './lib/tools.ts'

const subject: Subject = {
  title: "A tar of this machine's programs becomes an image",
  runs: 10,
  async candidates(place) {
    // Removed after each, or the next one would find its layer there.
    const words = { run: ['import', rootTar(place), NAME], after: [['rmi', NAME]] }
    return [box(place), podman(place), await docker(place)].map((tool) => does(place, tool, words))
  },
}
export default subject
