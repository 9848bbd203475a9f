@400000006b021b2d0e897174 stafett-send: status: ready
@400000006b021b2d1af5b1fc status: local 0/0 remote 0/100
@400000006b021b2d1af96f04 new msg 1795300131450698
@400000006b021b2d1af96f04 info msg 1795300131450698: bytes 260 from <alice@example.org> qp 1795300131450698 uid 65534
@400000006b021b2d1af96f04 starting delivery 1: msg 1795300131450698 to remote bob@example.net
@400000006b021b2d1af972ec status: local 0/0 remote 1/100
@400000006b021b2d1dd5795c delivery 1: success: 127.0.0.1_accepted_message._Remote_host_said:_250_2.0.0_Ok:_queued_as_4bXyZ12
@400000006b021b2d1dd57d44 end msg 1795300131450698
@400000006b021b2d1dd57d44 status: local 0/0 remote 0/100
@400000006b021b2d21271d2c new msg 1795300131555521
@400000006b021b2d21272114 info msg 1795300131555521: bytes 298 from <alice@example.org> qp 1795300131555521 uid 65534
@400000006b021b2d21272114 starting delivery 2: msg 1795300131555521 to remote bob@example.net
@400000006b021b2d212724fc starting delivery 3: msg 1795300131555521 to remote fail.me@example.net
@400000006b021b2d212724fc starting delivery 4: msg 1795300131555521 to remote defer@example.net
@400000006b021b2d212724fc status: local 0/0 remote 3/100
@400000006b021b2d21410214 delivery 2: success: 127.0.0.1_accepted_message._Remote_host_said:_250_2.0.0_Ok:_queued_as_4bXyZ12
@400000006b021b2d214111b4 delivery 3: failure: 127.0.0.1_does_not_like_recipient._Remote_host_said:_550_5.1.1_<fail.me@example.net>:_Recipient_address_rejected:_User_unknown
@400000006b021b2d2141159c delivery 4: deferral: 127.0.0.1_does_not_like_recipient._Remote_host_said:_451_4.7.1_<defer@example.net>:_Recipient_address_rejected:_Greylisted,_see_http://postgrey.example/help/x.html
@400000006b021b2d2141159c status: local 0/0 remote 0/100
@400000006b021b2d214ab28c new msg 1795300131557984
@400000006b021b2d214ab28c info msg 1795300131557984: bytes 1904 from <> qp 1795300131557984 uid 65534
@400000006b021b2d214ab28c starting delivery 5: msg 1795300131557984 to remote alice@example.org
@400000006b021b2d214ab674 status: local 0/0 remote 1/100
@400000006b021b2d2160cacc bounce msg 1795300131555521 qp 1795300131557984
@400000006b021b2d2446c034 delivery 5: success: 127.0.0.1_accepted_message._Remote_host_said:_250_2.0.0_Ok:_queued_as_4bXyZ12
@400000006b021b2d2446c41c end msg 1795300131557984
@400000006b021b2d2446c41c status: local 0/0 remote 0/100
@400000006b021b2e05d969e4 new msg 1795300132054684
@400000006b021b2e05d96dcc info msg 1795300132054684: bytes 259 from <dave@example.org> qp 1795300132054684 uid 65534
@400000006b021b2e05d96dcc starting delivery 6: msg 1795300132054684 to remote eve@example.com
@400000006b021b2e05d971b4 status: local 0/0 remote 1/100
@400000006b021b2e05faccc4 delivery 6: deferral: Sorry,_I_wasn't_able_to_establish_an_SMTP_connection_with_127.0.0.1:31991:_127.0.0.1:_Connection_refused_(os_error_111)_(#4.4.1)
@400000006b021b2e05fad0ac status: local 0/0 remote 0/100
@400000006b021b2e0dd8fd94 new msg 1795300132227743
@400000006b021b2e0dd9017c info msg 1795300132227743: bytes 244 from <> qp 1795300132227743 uid 65534
@400000006b021b2e0dd9017c starting delivery 7: msg 1795300132227743 to remote fail@example.net
@400000006b021b2e0dd90564 status: local 0/0 remote 1/100
@400000006b021b2e0ddf4ec4 delivery 7: failure: 127.0.0.1_does_not_like_recipient._Remote_host_said:_550_5.1.1_<fail@example.net>:_Recipient_address_rejected:_User_unknown
@400000006b021b2e0ddf52ac status: local 0/0 remote 0/100
@400000006b021b2e0de5ee14 new msg 1795300132232733
@400000006b021b2e0de5f1fc info msg 1795300132232733: bytes 1794 from <#@[]> qp 1795300132232733 uid 65534
@400000006b021b2e0de5f1fc starting delivery 8: msg 1795300132232733 to remote postmaster@relay.example.org
@400000006b021b2e0de5f1fc status: local 0/0 remote 1/100
@400000006b021b2e0de7789c bounce msg 1795300132227743 qp 1795300132232733
@400000006b021b2e0de7789c end msg 1795300132227743
@400000006b021b2e10d9f50c delivery 8: success: 127.0.0.1_accepted_message._Remote_host_said:_250_2.0.0_Ok:_queued_as_4bXyZ12
@400000006b021b2e10d9f8f4 end msg 1795300132232733
@400000006b021b2e10d9f8f4 status: local 0/0 remote 0/100
