/* b64_ntop(3), which programs expect in libresolv. */
#include <resolv.h>
#include <stddef.h>
#include <string.h>

#define WEAK __attribute__((weak))

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

WEAK int b64_ntop(const unsigned char *data, size_t length, char *text, size_t size) {
    size_t at = 0;
    for (size_t from = 0; from < length; from += 3) {
        size_t left = length - from;
        unsigned long group = (unsigned long)data[from] << 16;
        if (left > 1)
            group |= (unsigned long)data[from + 1] << 8;
        if (left > 2)
            group |= data[from + 2];
        if (size < 5 || at > size - 5)
            return -1;
        text[at++] = letters[group >> 18];
        text[at++] = letters[group >> 12 & 63];
        text[at++] = left > 1 ? letters[group >> 6 & 63] : '=';
        text[at++] = left > 2 ? letters[group & 63] : '=';
    }
    if (at >= size)
        return -1;
    text[at] = 0;
    return (int)at;
}

WEAK int b64_pton(const char *text, unsigned char *data, size_t size) {
    size_t at = 0;
    unsigned long group = 0;
    int letters_read = 0, padding = 0;
    for (; *text; text++) {
        const char *letter = strchr(letters, *text);
        if (*text == ' ' || *text == '\t' || *text == '\n' || *text == '\r')
            continue;
        if (*text == '=') {
            padding++;
            continue;
        }
        if (!letter || padding)
            return -1;
        group = group << 6 | (unsigned long)(letter - letters);
        if (++letters_read % 4 == 0) {
            for (int shift = 16; shift >= 0; shift -= 8, at++) {
                if (data && at >= size)
                    return -1;
                if (data)
                    data[at] = group >> shift & 255;
            }
            group = 0;
        }
    }
    int rest = letters_read % 4;
    if (rest == 1 || (rest ? rest + padding != 4 : padding))
        return -1;
    for (int byte = 0; byte < rest - 1; byte++, at++) {
        if (data && at >= size)
            return -1;
        if (data)
            data[at] = group << (4 - rest) * 6 >> (16 - 8 * byte) & 255;
    }
    return (int)at;
}
