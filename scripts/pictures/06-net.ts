import { column, framed, row, text } from '../observe/draw/blocks.ts'
import { drawingOf } from '../observe/draw/picture.ts'
import { drawHome, type Home, type Picture } from './describe.ts'
import { box, lines, Places, space, table } from './sketch.ts'

const title = 'Three network namespaces, cables and a switch'

export const picture: Picture = {
  title,
  description: `Two containers, one and two, each with a network namespace of its own that has a link eth0: 10.213.0.2 and
10.213.0.3. From each eth0 a cable, a veth pair, leads to a plug in the host's network namespace. Both plugs are in the
bridge ws-bridge, which has the address 10.213.0.1. From the bridge the host routes to its own link eth0 and on to the
internet, and changes addresses on the way: NAT. Who asks the host for port 8080 gets port 80 of one. A server listens on
port 80 in both containers.`,
  draw() {
    const places = new Places()
    const host = drawHome(homeOf(places))
    const world = places.named('world', box('the internet', lines('203.0.113.9')))
    const over = () => [
      places.right('nat', 'uplink'),
      places.right('uplink', 'world'),
      places.down('nat', 'bridge'),
      places.down('plug of one', 'eth0 of one'),
      places.down('plug of two', 'eth0 of two'),
    ]
    const beside = column([space(0, WORLD), world], 0)
    return drawingOf(row([host, beside], 40), { title, description: picture.description, over })
  },
}

const WORLD = 71 // from above: as high as the link that leads there
const [TO_ONE, TO_TWO] = [150, 205] // so that each plug is above its cable's other end

function homeOf(places: Places): Home {
  const plug = (of: string) => places.named(`plug of ${of}`, framed(text('ws-…', 13), 6, 'chip'))
  const plugs = row([space(TO_ONE), plug('one'), space(TO_TWO), plug('two')], 0)
  const bridge = places.named('bridge', box('ws-bridge  10.213.0.1', plugs))
  const nat = places.named('nat', box('routes, NAT', lines('port 8080 → one:80')))
  const uplink = places.named('uplink', box('eth0', lines('203.0.113.1')))
  const container = (name: string, address: string, pid: number): Home => ({
    title: name,
    namespaces: { net: [places.named(`eth0 of ${name}`, box('eth0', table({ [address]: 'port 80: httpd' })))] },
    processes: [{ name: 'httpd', numbers: [pid] }],
  })
  return {
    title: 'host',
    namespaces: { net: [column([row([space(TO_ONE), nat, uplink], 30), bridge], 24)] },
    processes: [],
    rooms: [container('one', '10.213.0.2', 1000), container('two', '10.213.0.3', 2000)],
  }
}
