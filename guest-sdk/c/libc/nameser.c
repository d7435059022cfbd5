/* Messages of DNS (RFC 1035): what resolv.h and arpa/nameser.h have to write and to
   read them. A program sends them itself, to a server that it may send to. */
#include <arpa/nameser.h>
#include <errno.h>
#include <resolv.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#define WEAK __attribute__((weak))

static int fail(int number) {
    errno = number;
    return -1;
}

WEAK unsigned ns_get16(const unsigned char *at) { return at[0] << 8 | at[1]; }
WEAK unsigned long ns_get32(const unsigned char *at) { return (unsigned long)ns_get16(at) << 16 | ns_get16(at + 2); }
WEAK void ns_put16(unsigned value, unsigned char *at) {
    at[0] = value >> 8;
    at[1] = value;
}
WEAK void ns_put32(unsigned long value, unsigned char *at) {
    ns_put16(value >> 16, at);
    ns_put16(value, at + 2);
}

WEAK int dn_skipname(const unsigned char *name, const unsigned char *end) {
    for (const unsigned char *at = name; at < end; at += *at + 1) {
        if (*at == 0)
            return at - name + 1;
        if ((*at & NS_CMPRSFLGS) == NS_CMPRSFLGS)
            return at + 2 <= end ? at - name + 2 : fail(EMSGSIZE);
        if (*at & NS_CMPRSFLGS)
            break;
    }
    return fail(EMSGSIZE);
}

static int is_special(unsigned char byte) { return memchr(".\\\";@$()", byte, 8) != NULL; }

/* As text: a dot or its like in a label is written \. and what is not printed \DDD. */
WEAK int dn_expand(const unsigned char *message, const unsigned char *end, const unsigned char *name, char *room, int size) {
    const unsigned char *at = name;
    char *to = room, *const limit = room + size;
    int length = -1;
    /* Pointers may lead in a circle, and then to more than a message has. */
    for (long seen = 0; seen <= end - message && at >= message && at < end;) {
        if ((*at & NS_CMPRSFLGS) == NS_CMPRSFLGS) {
            if (at + 2 > end)
                break;
            if (length < 0)
                length = at + 2 - name;
            at = message + (ns_get16(at) & 0x3fff);
            seen += 2;
            continue;
        }
        if (*at & NS_CMPRSFLGS)
            break;
        if (*at == 0) {
            if (to == limit)
                break;
            *to = 0;
            return length < 0 ? at + 1 - name : length;
        }
        int count = *at++;
        if (count > end - at)
            break;
        seen += count + 1;
        if (to != room) {
            if (to == limit)
                break;
            *to++ = '.';
        }
        for (; count; count--, at++) {
            int is_printed = *at > ' ' && *at < 0x7f;
            if (limit - to < (!is_printed ? 4 : is_special(*at) ? 2 : 1))
                return fail(EMSGSIZE);
            if (!is_printed) {
                *to++ = '\\';
                *to++ = '0' + *at / 100;
                *to++ = '0' + *at / 10 % 10;
                *to++ = '0' + *at % 10;
                continue;
            }
            if (is_special(*at))
                *to++ = '\\';
            *to++ = *at;
        }
    }
    return fail(EMSGSIZE);
}

/* A name that is text to labels, which have `size` bytes at most. */
static int to_labels(const char *text, unsigned char *room, int size) {
    int length = 0;
    if (strcmp(text, ".") == 0)
        text++;
    while (*text) {
        int label = length++;
        while (*text && *text != '.') {
            int byte = (unsigned char)*text++;
            if (byte == '\\' && strspn(text, "0123456789") >= 3) {
                byte = (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
                text += 3;
            } else if (byte == '\\' && *text) {
                byte = (unsigned char)*text++;
            }
            if (byte > 255 || length >= size || length - label > NS_MAXLABEL)
                return fail(EMSGSIZE);
            room[length++] = byte;
        }
        if (length - label == 1)
            return fail(EMSGSIZE);
        room[label] = length - label - 1;
        if (*text == '.')
            text++;
    }
    if (length >= size)
        return fail(EMSGSIZE);
    room[length] = 0;
    return length + 1;
}

static int is_same_name(const unsigned char *message, const unsigned char *at, const unsigned char *labels) {
    for (int hops = 0; hops < 128;) {
        if ((*at & NS_CMPRSFLGS) == NS_CMPRSFLGS) {
            at = message + (ns_get16(at) & 0x3fff);
            hops++;
        } else if (*at != *labels || strncasecmp((const char *)at + 1, (const char *)labels + 1, *at) != 0) {
            return 0;
        } else if (*at == 0) {
            return 1;
        } else {
            labels += *at + 1;
            at += *at + 1;
        }
    }
    return 0;
}

/* Where the name that begins with these labels is in the message already. */
static unsigned char *find_name(unsigned char **names, const unsigned char *labels) {
    unsigned char *message = *names;
    while (*++names)
        for (unsigned char *at = *names; *at && !(*at & NS_CMPRSFLGS); at += *at + 1)
            if (at - message <= 0x3fff && is_same_name(message, at, labels))
                return at;
    return NULL;
}

/* `names` are the message, the names that it has already, and a null. */
WEAK int dn_comp(const char *text, unsigned char *room, int size, unsigned char **names, unsigned char **end_of_names) {
    unsigned char labels[NS_MAXCDNAME], *known = NULL;
    int named = to_labels(text, labels, sizeof labels);
    if (named < 0)
        return -1;
    int at = 0;
    while (labels[at] && !(names && *names && (known = find_name(names, labels + at))))
        at += labels[at] + 1;
    int length = known ? at + 2 : named;
    if (length > size)
        return fail(EMSGSIZE);
    memcpy(room, labels, known ? at : named);
    if (known)
        ns_put16(NS_CMPRSFLGS << 8 | (known - *names), room + at);
    if (names && *names && end_of_names && at > 0) {
        while (*names)
            names++;
        if (names + 1 < end_of_names) {
            names[0] = room;
            names[1] = NULL;
        }
    }
    return length;
}

WEAK int res_mkquery(int operation, const char *name, int class, int type, const unsigned char *data, int length,
                     const unsigned char *record, unsigned char *room, int size) {
    (void)data; (void)length; (void)record;
    if (operation < 0 || operation > 15 || class < 0 || class > 65535 || type < 0 || type > 65535 || size < NS_HFIXEDSZ)
        return -1;
    memset(room, 0, NS_HFIXEDSZ);
    int named = dn_comp(name, room + NS_HFIXEDSZ, size - NS_HFIXEDSZ - NS_QFIXEDSZ, NULL, NULL);
    if (named < 0)
        return -1;
    /* Nobody is to guess its number. */
    if (getrandom(room, 2, 0) != 2)
        return -1;
    room[2] = operation << 3 | 1; /* recursion is desired */
    ns_put16(1, room + 4);
    unsigned char *end = room + NS_HFIXEDSZ + named;
    ns_put16(type, end);
    ns_put16(class, end + 2);
    return NS_HFIXEDSZ + named + NS_QFIXEDSZ;
}

WEAK const struct _ns_flagdata _ns_flagdata[16] = {
    {0x8000, 15}, {0x7800, 11}, {0x0400, 10}, {0x0200, 9}, {0x0100, 8}, {0x0080, 7}, {0x0040, 6}, {0x0020, 5},
    {0x0010, 4},  {0x000f, 0},
};

WEAK int ns_skiprr(const unsigned char *at, const unsigned char *end, ns_sect section, int count) {
    const unsigned char *from = at;
    while (count-- > 0) {
        int named = dn_skipname(at, end);
        if (named < 0 || named + NS_QFIXEDSZ > end - at)
            return fail(EMSGSIZE);
        at += named + NS_QFIXEDSZ;
        if (section == ns_s_qd)
            continue;
        int rest = NS_RRFIXEDSZ - NS_QFIXEDSZ;
        if (rest > end - at)
            return fail(EMSGSIZE);
        at += rest;
        int length = ns_get16(at - 2);
        if (length > end - at)
            return fail(EMSGSIZE);
        at += length;
    }
    return at - from;
}

WEAK int ns_initparse(const unsigned char *message, int length, ns_msg *handle) {
    if (length < NS_HFIXEDSZ)
        return fail(EMSGSIZE);
    handle->_msg = message;
    handle->_eom = message + length;
    handle->_id = ns_get16(message);
    handle->_flags = ns_get16(message + 2);
    const unsigned char *at = message + NS_HFIXEDSZ;
    for (int section = 0; section < ns_s_max; section++)
        handle->_counts[section] = ns_get16(message + 4 + 2 * section);
    for (int section = 0; section < ns_s_max; section++) {
        handle->_sections[section] = handle->_counts[section] ? at : NULL;
        int skipped = ns_skiprr(at, handle->_eom, section, handle->_counts[section]);
        if (skipped < 0)
            return -1;
        at += skipped;
    }
    if (at != handle->_eom)
        return fail(EMSGSIZE);
    handle->_sect = ns_s_max;
    handle->_rrnum = -1;
    handle->_msg_ptr = NULL;
    return 0;
}

/* Of number -1, the record after the last one. */
WEAK int ns_parserr(ns_msg *handle, ns_sect section, int number, ns_rr *record) {
    if ((unsigned)section >= ns_s_max)
        return fail(ENODEV);
    if (section != handle->_sect) {
        handle->_sect = section;
        handle->_rrnum = 0;
        handle->_msg_ptr = handle->_sections[section];
    }
    if (number == -1)
        number = handle->_rrnum;
    if (number < 0 || number >= handle->_counts[section])
        return fail(ENODEV);
    if (number < handle->_rrnum) {
        handle->_rrnum = 0;
        handle->_msg_ptr = handle->_sections[section];
    }
    int skipped = ns_skiprr(handle->_msg_ptr, handle->_eom, section, number - handle->_rrnum);
    if (skipped < 0)
        return -1;
    const unsigned char *at = handle->_msg_ptr + skipped;
    handle->_rrnum = number;
    handle->_msg_ptr = at;
    int named = ns_name_uncompress(handle->_msg, handle->_eom, at, record->name, sizeof record->name);
    if (named < 0)
        return -1;
    at += named;
    record->type = ns_get16(at);
    record->rr_class = ns_get16(at + 2);
    at += NS_QFIXEDSZ;
    record->ttl = record->rdlength = 0;
    record->rdata = NULL;
    if (section != ns_s_qd) {
        record->ttl = ns_get32(at);
        record->rdlength = ns_get16(at + 4);
        record->rdata = at + 6;
        at += 6 + record->rdlength;
    }
    handle->_rrnum++;
    handle->_msg_ptr = at;
    return 0;
}

WEAK int ns_name_uncompress(const unsigned char *message, const unsigned char *end, const unsigned char *name, char *room, size_t size) {
    return dn_expand(message, end, name, room, size);
}
