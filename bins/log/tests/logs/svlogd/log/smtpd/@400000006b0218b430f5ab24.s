2026-11-21_22:18:13.99151 stafett-smtpd: end closed client 127.0.0.1 helo - pid 18314 host unknown accepted 0 refused 0 commands 1 errors 1 seconds 0.000 early
2026-11-21_22:18:14.22805 stafett-smtpd: accept 1795299494221406 bytes 260 from <alice@example.org> to <bob@example.net> recipients 1 client 127.0.0.1 helo client.example.org pid 18316
2026-11-21_22:18:14.22806 stafett-smtpd: end quit client 127.0.0.1 helo client.example.org pid 18316 host unknown accepted 1 refused 0 commands 5 errors 0 seconds 0.013
2026-11-21_22:18:14.45576 stafett-smtpd: accept 1795299494454926 bytes 298 from <alice@example.org> to <bob@example.net> recipients 3 client 127.0.0.1 helo client.example.org pid 18327
2026-11-21_22:18:14.45613 stafett-smtpd: end quit client 127.0.0.1 helo client.example.org pid 18327 host unknown accepted 1 refused 0 commands 7 errors 0 seconds 0.008
2026-11-21_22:18:14.73088 stafett-smtpd: refuse control/badmailfrom:1 from <carol@spam.example> to <bob@example.net> client 127.0.0.1 helo client.example.org pid 18352: 553 5.7.1 sorry, your envelope sender is in my badmailfrom list (#5.7.1)
2026-11-21_22:18:14.73106 stafett-smtpd: end quit client 127.0.0.1 helo client.example.org pid 18352 host unknown accepted 0 refused 1 commands 4 errors 1 seconds 0.002
2026-11-21_22:18:15.05585 stafett-smtpd: refuse control/rcpthosts from <alice@example.org> to <bob@elsewhere.example> client 127.0.0.1 helo client.example.org pid 18435: 553 5.7.1 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)
2026-11-21_22:18:15.05623 stafett-smtpd: end quit client 127.0.0.1 helo client.example.org pid 18435 host unknown accepted 0 refused 1 commands 4 errors 1 seconds 0.022
2026-11-21_22:18:15.24683 stafett-smtpd: end quit client 127.0.0.1 helo x_y pid 18492 host unknown accepted 0 refused 0 commands 3 errors 1 seconds 0.001
2026-11-21_22:18:15.56457 stafett-smtpd: accept 1795299495556035 bytes 259 from <dave@example.org> to <eve@example.com> recipients 1 client 127.0.0.1 helo client.example.org pid 18526
2026-11-21_22:18:15.56635 stafett-smtpd: end quit client 127.0.0.1 helo client.example.org pid 18526 host unknown accepted 1 refused 0 commands 5 errors 0 seconds 0.030
2026-11-21_22:18:16.12887 stafett-smtpd: accept 1795299496116881 bytes 244 from <> to <fail@example.net> recipients 1 client 127.0.0.1 helo client.example.org pid 18598
2026-11-21_22:18:16.13051 stafett-smtpd: end quit client 127.0.0.1 helo client.example.org pid 18598 host unknown accepted 1 refused 0 commands 5 errors 0 seconds 0.024
2026-11-21_22:18:16.85687 stafett-smtpd: end closed client 127.0.0.1 helo probe pid 18606 host unknown accepted 0 refused 0 commands 1 errors 0 seconds 0.635
