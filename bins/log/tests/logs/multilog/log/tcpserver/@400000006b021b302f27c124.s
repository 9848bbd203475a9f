@400000006b021b2d0e8907fc tcpserver: status: 0/200
@400000006b021b2d137c172c tcpserver: status: 1/200
@400000006b021b2d137c1b14 tcpserver: pid 14026 from 127.0.0.1
@400000006b021b2d137c1b14 tcpserver: ok 14026 relay.example.org:127.0.0.1:31903 :127.0.0.1::53318
@400000006b021b2d137c1efc tcpserver: end 14026 status 0
@400000006b021b2d137c1efc tcpserver: status: 0/200
@400000006b021b2d1a23854c tcpserver: status: 1/200
@400000006b021b2d1a26f434 tcpserver: pid 14032 from 127.0.0.1
@400000006b021b2d1a26f434 tcpserver: ok 14032 relay.example.org:127.0.0.1:31903 :127.0.0.1::53332
@400000006b021b2d1af92c9c tcpserver: end 14032 status 0
@400000006b021b2d1af93084 tcpserver: status: 0/200
@400000006b021b2d20c4dcd4 tcpserver: status: 1/200
@400000006b021b2d20c941d4 tcpserver: pid 14046 from 127.0.0.1
@400000006b021b2d20c945bc tcpserver: ok 14046 relay.example.org:127.0.0.1:31903 :127.0.0.1::53334
@400000006b021b2d212d4f1c tcpserver: end 14046 status 0
@400000006b021b2d212d5304 tcpserver: status: 0/200
@400000006b021b2d26b8ecfc tcpserver: status: 1/200
@400000006b021b2d26bddab4 tcpserver: pid 14051 from 127.0.0.1
@400000006b021b2d26bddab4 tcpserver: ok 14051 relay.example.org:127.0.0.1:31903 :127.0.0.1::53348
@400000006b021b2d27d2cd24 tcpserver: end 14051 status 0
@400000006b021b2d27d2d10c tcpserver: status: 0/200
@400000006b021b2d2e5a7e44 tcpserver: status: 1/200
@400000006b021b2d2eeb3524 tcpserver: pid 14064 from 127.0.0.1
@400000006b021b2d2eeb3cf4 tcpserver: ok 14064 relay.example.org:127.0.0.1:31903 :127.0.0.1::53360
@400000006b021b2d2f0767e4 tcpserver: end 14064 status 0
@400000006b021b2d2f076fb4 tcpserver: status: 0/200
@400000006b021b2d35c7344c tcpserver: status: 1/200
@400000006b021b2d3620683c tcpserver: pid 14088 from 127.0.0.1
@400000006b021b2d3620700c tcpserver: ok 14088 relay.example.org:127.0.0.1:31903 :127.0.0.1::53372
@400000006b021b2d369a14ac tcpserver: end 14088 status 0
@400000006b021b2d369a1894 tcpserver: status: 0/200
@400000006b021b2e02c3a24c tcpserver: status: 1/200
@400000006b021b2e034472dc tcpserver: pid 14174 from 127.0.0.1
@400000006b021b2e03447aac tcpserver: ok 14174 relay.example.org:127.0.0.1:31903 :127.0.0.1::53374
@400000006b021b2e05fa9de4 tcpserver: end 14174 status 0
@400000006b021b2e05faa5b4 tcpserver: status: 0/200
@400000006b021b2e0d40d08c tcpserver: status: 1/200
@400000006b021b2e0d40fb84 tcpserver: pid 14270 from 127.0.0.1
@400000006b021b2e0d40fb84 tcpserver: ok 14270 relay.example.org:127.0.0.1:31903 :127.0.0.1::53378
@400000006b021b2e0de2199c tcpserver: end 14270 status 0
@400000006b021b2e0de2216c tcpserver: status: 0/200
@400000006b021b2e0ee4475c tcpserver: status: 1/200
@400000006b021b2e0ee462b4 tcpserver: pid 14275 from 127.0.0.1
@400000006b021b2e0ee462b4 tcpserver: ok 14275 relay.example.org:127.0.0.1:31903 :127.0.0.1::53394
@400000006b021b2e2d4ff3e4 tcpserver: end 14275 status 0
@400000006b021b2e2d4ff7cc tcpserver: status: 0/200
