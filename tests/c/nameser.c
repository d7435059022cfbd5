/* Messages of DNS, as a program writes and reads them. */
#include "say.h"
#include <arpa/nameser.h>
#include <resolv.h>

/* An answer to one question: a name that is compressed, one that is not, an MX. */
static const unsigned char answer[] = {
    0x12, 0x34, 0x81, 0x80, 0, 1, 0, 3, 0, 0, 0, 0,
    3, 'w', 'w', 'w', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0, 0, 1, 0, 1,
    0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 4, 1, 'a', 0xc0, 16,
    1, 'A', 0xc0, 16, 0, 1, 0, 1, 0, 1, 0, 0, 0, 4, 192, 0, 2, 7,
    0xc0, 16, 0, 15, 0, 1, 0, 0, 0, 5, 0, 7, 0, 10, 2, 'm', 'x', 0xc0, 16,
};

static void say_bytes(const unsigned char *bytes, int length) {
    for (int at = 0; at < length; at++)
        printf("%02x", bytes[at]);
    puts("");
}

static void say_name(const unsigned char *labels, int length, int size) {
    char text[300] = "";
    errno = 0;
    int expanded = dn_expand(labels, labels + length, labels, text, size);
    printf("dn_expand: %d %s %s\n", expanded, expanded < 0 ? errno_name(errno) : "", expanded < 0 ? "" : text);
}

void nameser(void) {
    unsigned char room[512];
    int length;
    GET(length, res_mkquery(0, "www.example.", 1, 28, NULL, 0, NULL, room, sizeof room));
    /* Its number is any. */
    say_bytes(room + 2, length - 2);
    GET(length, res_mkquery(0, "", 1, 255, NULL, 0, NULL, room, sizeof room));
    say_bytes(room + 2, length - 2);
    SAY(res_mkquery(0, "a..b", 1, 1, NULL, 0, NULL, room, sizeof room));
    SAY(res_mkquery(0, "www.example", 1, 1, NULL, 0, NULL, room, 20));
    unsigned char other[512];
    res_mkquery(0, "a", 1, 1, NULL, 0, NULL, room, sizeof room);
    int same = 0;
    for (int at = 0; at < 8; at++) {
        res_mkquery(0, "a", 1, 1, NULL, 0, NULL, other, sizeof other);
        same += memcmp(room, other, 2) == 0;
    }
    IS(same < 8);

    ns_msg message;
    ns_rr record;
    char name[300];
    SAY(ns_initparse(answer, sizeof answer, &message));
    printf("%x: %d %d %d %d\n", ns_msg_id(message), ns_msg_count(message, ns_s_qd), ns_msg_count(message, ns_s_an),
           ns_msg_count(message, ns_s_ns), ns_msg_count(message, ns_s_ar));
    printf("%d %d %d %d\n", ns_msg_getflag(message, ns_f_qr), ns_msg_getflag(message, ns_f_rd),
           ns_msg_getflag(message, ns_f_aa), ns_msg_getflag(message, ns_f_rcode));
    SAY(ns_parserr(&message, ns_s_qd, 0, &record));
    printf("%s %d %d\n", ns_rr_name(record), ns_rr_type(record), ns_rr_class(record));
    static const int order[] = {2, 0, 1};
    for (int at = 0; at < 3; at++) {
        SAY(ns_parserr(&message, ns_s_an, order[at], &record));
        printf("%s %d %d %u %d ", ns_rr_name(record), ns_rr_type(record), ns_rr_class(record),
               (unsigned)ns_rr_ttl(record), ns_rr_rdlen(record));
        say_bytes(ns_rr_rdata(record), ns_rr_rdlen(record));
    }
    SAY(ns_name_uncompress(ns_msg_base(message), ns_msg_end(message), answer + sizeof answer - 5, name, sizeof name));
    puts(name);
    SAY(ns_parserr(&message, ns_s_an, 3, &record));
    SAY(ns_parserr(&message, ns_s_ar, 0, &record));
    SAY(ns_initparse(answer, sizeof answer - 1, &message));
    SAY(ns_initparse(answer, 11, &message));
    SAY(ns_skiprr(answer + 12, answer + sizeof answer, ns_s_qd, 1));
    SAY(ns_skiprr(answer + 29, answer + sizeof answer, ns_s_an, 3));
    SAY(dn_skipname(answer + 12, answer + sizeof answer));
    SAY(dn_skipname(answer + 29, answer + sizeof answer));
    SAY(dn_skipname(answer + 12, answer + 20));

    say_name((const unsigned char *)"\3a.b\2\0011\4\\$;(", 14, 300);
    say_name((const unsigned char *)"\3abc\3def", 9, 300);
    say_name((const unsigned char *)"\3abc\3def", 9, 7);
    say_name((const unsigned char *)"\3abc\3def", 9, 8);
    say_name((const unsigned char *)"", 1, 300);
    say_name((const unsigned char *)"\3abc", 4, 300);
    say_name((const unsigned char *)"\1a\300\0", 4, 300);
    say_name((const unsigned char *)"\1a\300\11", 4, 300);
    say_name((const unsigned char *)"\101a", 3, 300);

    unsigned char *names[4] = {room, NULL}, *at = room;
    static const char *const written[] = {"www.example", "mail.EXAMPLE.", "example", "a.mail.example", ".", "x\\.y.\\100"};
    for (size_t each = 0; each < sizeof written / sizeof *written; each++) {
        GET(length, dn_comp(written[each], at, room + sizeof room - at, names, names + 4));
        say_bytes(at, length);
        at += length;
    }
    SAY(dn_comp("example.org", at, 5, NULL, NULL));
    SAY(dn_comp("a..b", at, 100, NULL, NULL));

    ns_put16(0xabcd, room);
    ns_put32(0x12345678, room + 2);
    say_bytes(room, 6);
    printf("%x %lx\n", (unsigned)ns_get16(room), (unsigned long)ns_get32(room + 2));
}
