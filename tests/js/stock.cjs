// Follows a Quern chain and transacts on it with nothing but a stock client library.
//
//   stock.cjs URL decode HEIGHT                  decodes the blocks up to HEIGHT and their events
//   stock.cjs URL transfer SURI ADDRESS AMOUNT   moves AMOUNT units
//
// Prints a report in JSON. NODE_PATH names the folder that holds the library.

'use strict';

const { ApiPromise, Keyring, WsProvider } = require('@polkadot/api');

async function decode(api, height) {
    const calls = new Set();
    const events = new Set();
    let blocks = 0;
    for (let number = 1; number <= height; number++) {
        const hash = await api.rpc.chain.getBlockHash(number);
        const at = await api.at(hash);
        const { block } = await api.rpc.chain.getBlock(hash);
        for (const extrinsic of block.extrinsics) {
            // Words for every argument: whatever cannot be decoded throws.
            extrinsic.toHuman();
            calls.add(extrinsic.method.section);
        }
        for (const { event } of await at.query.system.events()) {
            event.toHuman();
            events.add(event.section);
        }
        blocks += 1;
    }
    return { blocks, calls: [...calls], events: [...events] };
}

function transfer(api, suri, address, amount) {
    const signer = new Keyring({ type: 'sr25519' }).addFromUri(suri);
    const call = api.tx.balances.transferKeepAlive(address, amount);
    return new Promise((resolve, reject) => {
        call.signAndSend(signer, ({ status, dispatchError }) => {
            if (!status.isInBlock) return;
            let error = null;
            if (dispatchError) {
                error = dispatchError.toString();
                if (dispatchError.isModule) {
                    const { section, name } = api.registry.findMetaError(dispatchError.asModule);
                    error = `${section}::${name}`;
                }
            }
            resolve({ block: status.asInBlock.toHex(), error });
        }).catch(reject);
    });
}

async function main() {
    const [url, action, ...words] = process.argv.slice(2);
    const api = await ApiPromise.create({ provider: new WsProvider(url), noInitWarn: true });
    const actions = {
        decode: () => decode(api, Number(words[0])),
        transfer: () => transfer(api, ...words),
    };
    const report = await actions[action]();
    await api.disconnect();
    console.log(JSON.stringify(report));
}

main().then(() => process.exit(0), (error) => {
    console.error(error);
    process.exit(1);
});
