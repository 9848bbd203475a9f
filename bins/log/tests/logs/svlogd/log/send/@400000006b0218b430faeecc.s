2026-11-21_22:18:13.97231 stafett-send: status: ready
2026-11-21_22:18:14.22603 status: local 0/0 remote 0/100
2026-11-21_22:18:14.26000 new msg 1795299494221406
2026-11-21_22:18:14.26000 info msg 1795299494221406: bytes 260 from <alice@example.org> qp 1795299494221406 uid 65534
2026-11-21_22:18:14.26001 starting delivery 1: msg 1795299494221406 to remote bob@example.net
2026-11-21_22:18:14.26001 status: local 0/0 remote 1/100
2026-11-21_22:18:14.27680 delivery 1: success: 127.0.0.1_accepted_message._Remote_host_said:_250_2.0.0_Ok:_queued_as_4bXyZ12
2026-11-21_22:18:14.27680 end msg 1795299494221406
2026-11-21_22:18:14.27681 status: local 0/0 remote 0/100
2026-11-21_22:18:14.45572 new msg 1795299494454926
2026-11-21_22:18:14.45598 info msg 1795299494454926: bytes 298 from <alice@example.org> qp 1795299494454926 uid 65534
2026-11-21_22:18:14.45598 starting delivery 2: msg 1795299494454926 to remote bob@example.net
2026-11-21_22:18:14.45598 starting delivery 3: msg 1795299494454926 to remote fail.me@example.net
2026-11-21_22:18:14.45598 starting delivery 4: msg 1795299494454926 to remote defer@example.net
2026-11-21_22:18:14.45598 status: local 0/0 remote 3/100
2026-11-21_22:18:14.48141 delivery 2: success: 127.0.0.1_accepted_message._Remote_host_said:_250_2.0.0_Ok:_queued_as_4bXyZ12
2026-11-21_22:18:14.48142 delivery 3: failure: 127.0.0.1_does_not_like_recipient._Remote_host_said:_550_5.1.1_<fail.me@example.net>:_Recipient_address_rejected:_User_unknown
2026-11-21_22:18:14.48142 delivery 4: deferral: 127.0.0.1_does_not_like_recipient._Remote_host_said:_451_4.7.1_<defer@example.net>:_Recipient_address_rejected:_Greylisted,_see_http://postgrey.example/help/x.html
2026-11-21_22:18:14.48142 status: local 0/0 remote 0/100
2026-11-21_22:18:14.48744 bounce msg 1795299494454926 qp 1795299494484800
2026-11-21_22:18:14.48745 new msg 1795299494484800
2026-11-21_22:18:14.48745 info msg 1795299494484800: bytes 1904 from <> qp 1795299494484800 uid 65534
2026-11-21_22:18:14.48745 starting delivery 5: msg 1795299494484800 to remote alice@example.org
2026-11-21_22:18:14.48745 status: local 0/0 remote 1/100
2026-11-21_22:18:14.54203 delivery 5: success: 127.0.0.1_accepted_message._Remote_host_said:_250_2.0.0_Ok:_queued_as_4bXyZ12
2026-11-21_22:18:14.54204 end msg 1795299494484800
2026-11-21_22:18:14.54204 status: local 0/0 remote 0/100
2026-11-21_22:18:15.56082 new msg 1795299495556035
2026-11-21_22:18:15.56082 info msg 1795299495556035: bytes 259 from <dave@example.org> qp 1795299495556035 uid 65534
2026-11-21_22:18:15.56082 starting delivery 6: msg 1795299495556035 to remote eve@example.com
2026-11-21_22:18:15.56082 status: local 0/0 remote 1/100
2026-11-21_22:18:15.56135 delivery 6: deferral: Sorry,_I_wasn't_able_to_establish_an_SMTP_connection_with_127.0.0.1:31991:_127.0.0.1:_Connection_refused_(os_error_111)_(#4.4.1)
2026-11-21_22:18:15.56136 status: local 0/0 remote 0/100
2026-11-21_22:18:16.12848 new msg 1795299496116881
2026-11-21_22:18:16.12849 info msg 1795299496116881: bytes 244 from <> qp 1795299496116881 uid 65534
2026-11-21_22:18:16.12849 starting delivery 7: msg 1795299496116881 to remote fail@example.net
2026-11-21_22:18:16.12849 status: local 0/0 remote 1/100
2026-11-21_22:18:16.12880 delivery 7: failure: 127.0.0.1_does_not_like_recipient._Remote_host_said:_550_5.1.1_<fail@example.net>:_Recipient_address_rejected:_User_unknown
2026-11-21_22:18:16.12880 status: local 0/0 remote 0/100
2026-11-21_22:18:16.14567 bounce msg 1795299496116881 qp 1795299496130623
2026-11-21_22:18:16.14569 end msg 1795299496116881
2026-11-21_22:18:16.14569 new msg 1795299496130623
2026-11-21_22:18:16.14569 info msg 1795299496130623: bytes 1794 from <#@[]> qp 1795299496130623 uid 65534
2026-11-21_22:18:16.14569 starting delivery 8: msg 1795299496130623 to remote postmaster@relay.example.org
2026-11-21_22:18:16.14569 status: local 0/0 remote 1/100
2026-11-21_22:18:16.19208 delivery 8: success: 127.0.0.1_accepted_message._Remote_host_said:_250_2.0.0_Ok:_queued_as_4bXyZ12
2026-11-21_22:18:16.19209 end msg 1795299496130623
2026-11-21_22:18:16.19209 status: local 0/0 remote 0/100
