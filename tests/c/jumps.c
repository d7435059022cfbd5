/* setjmp(3) and longjmp(3). */
#include "say.h"
#include <setjmp.h>

static jmp_buf outer;
static volatile int depth;

static __attribute__((noinline)) void jump_from(int level, int value) {
    volatile char frame[64];
    frame[0] = level;
    if (level == 0)
        longjmp(outer, value);
    jump_from(level - 1, value);
    depth += frame[0];
}

static int caught(int value) {
    jmp_buf kept;
    memcpy(kept, outer, sizeof kept);
    int came = setjmp(outer);
    if (came == 0)
        jump_from(10, value);
    memcpy(outer, kept, sizeof kept);
    return came;
}

void jumps(void) {
    volatile int changed = 1;
    int came = setjmp(outer);
    if (came == 0) {
        changed = 2;
        jump_from(5, 7);
    }
    printf("came %d, changed %d\n", came, changed);
    SAY(caught(3));
    SAY(caught(0));
    int sum = 0;
    for (int at = 0; at < 1000; at++)
        sum += caught(at);
    printf("sum %d\n", sum);
    sigjmp_buf place;
    if (sigsetjmp(place, 1) == 0)
        siglongjmp(place, 1);
    puts("came back");
}
