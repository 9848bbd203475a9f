@400000006b021b2d1374c42c stafett-smtpd: end closed client 127.0.0.1 helo - pid 14026 host unknown accepted 0 refused 0 commands 1 errors 1 seconds 0.000 early
@400000006b021b2d1aebc304 stafett-smtpd: accept 1795300131450698 bytes 260 from <alice@example.org> to <bob@example.net> recipients 1 client 127.0.0.1 helo client.example.org pid 14032
@400000006b021b2d1aef7454 stafett-smtpd: end quit client 127.0.0.1 helo client.example.org pid 14032 host unknown accepted 1 refused 0 commands 5 errors 0 seconds 0.013
@400000006b021b2d21250604 stafett-smtpd: accept 1795300131555521 bytes 298 from <alice@example.org> to <bob@example.net> recipients 3 client 127.0.0.1 helo client.example.org pid 14046
@400000006b021b2d2128a7b4 stafett-smtpd: end quit client 127.0.0.1 helo client.example.org pid 14046 host unknown accepted 1 refused 0 commands 7 errors 0 seconds 0.006
@400000006b021b2d27973f0c stafett-smtpd: refuse control/badmailfrom:1 from <carol@spam.example> to <bob@example.net> client 127.0.0.1 helo client.example.org pid 14051: 553 5.7.1 sorry, your envelope sender is in my badmailfrom list (#5.7.1)
@400000006b021b2d27d0f47c stafett-smtpd: end quit client 127.0.0.1 helo client.example.org pid 14051 host unknown accepted 0 refused 1 commands 4 errors 1 seconds 0.014
@400000006b021b2d2ef120c4 stafett-smtpd: refuse control/rcpthosts from <alice@example.org> to <bob@elsewhere.example> client 127.0.0.1 helo client.example.org pid 14064: 553 5.7.1 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)
@400000006b021b2d2ef1632c stafett-smtpd: end quit client 127.0.0.1 helo client.example.org pid 14064 host unknown accepted 0 refused 1 commands 4 errors 1 seconds 0.001
@400000006b021b2d3635402c stafett-smtpd: end quit client 127.0.0.1 helo x_y pid 14088 host unknown accepted 0 refused 0 commands 3 errors 1 seconds 0.006
@400000006b021b2e05ce5dc4 stafett-smtpd: accept 1795300132054684 bytes 259 from <dave@example.org> to <eve@example.com> recipients 1 client 127.0.0.1 helo client.example.org pid 14174
@400000006b021b2e05dabdbc stafett-smtpd: end quit client 127.0.0.1 helo client.example.org pid 14174 host unknown accepted 1 refused 0 commands 5 errors 0 seconds 0.046
@400000006b021b2e0dd6b78c stafett-smtpd: accept 1795300132227743 bytes 244 from <> to <fail@example.net> recipients 1 client 127.0.0.1 helo client.example.org pid 14270
@400000006b021b2e0ddf2f84 stafett-smtpd: end quit client 127.0.0.1 helo client.example.org pid 14270 host unknown accepted 1 refused 0 commands 5 errors 0 seconds 0.011
@400000006b021b2e2d4a815c stafett-smtpd: end closed client 127.0.0.1 helo probe pid 14275 host unknown accepted 0 refused 0 commands 1 errors 0 seconds 0.510 early
