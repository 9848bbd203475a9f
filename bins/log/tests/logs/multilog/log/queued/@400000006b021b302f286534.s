@400000006b021b2d0e59d20c stafett-queued: status: ready
