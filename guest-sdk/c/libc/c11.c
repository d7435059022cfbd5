/* C11's threads.h. A mutex that is not recursive is not checked. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <threads.h>
#include <time.h>

static int c11(int number) {
    switch (number) {
    case 0: return thrd_success;
    case ETIMEDOUT: return thrd_timedout;
    case EBUSY: return thrd_busy;
    case ENOMEM: case EAGAIN: return thrd_nomem;
    default: return thrd_error;
    }
}

int __wrap_thrd_create(thrd_t *made, thrd_start_t function, void *argument) {
    /* What an int function leaves is read as a pointer, whose bits are the same. */
    return c11(pthread_create(made, NULL, (void *(*)(void *))(void *)function, argument));
}
int __wrap_thrd_join(thrd_t thread, int *result) {
    void *found;
    int number = pthread_join(thread, &found);
    if (!number && result)
        *result = (int)(intptr_t)found;
    return c11(number);
}
int __wrap_thrd_detach(thrd_t thread) { return c11(pthread_detach(thread)); }
thrd_t __wrap_thrd_current(void) { return pthread_self(); }
int (__wrap_thrd_equal)(thrd_t one, thrd_t other) { return one == other; }
void __wrap_thrd_yield(void) { sched_yield(); }
void __wrap_call_once(once_flag *flag, void (*function)(void)) { pthread_once(flag, function); }

int __wrap_mtx_init(mtx_t *mutex, int kind) {
    pthread_mutexattr_t attributes = {kind & mtx_recursive ? PTHREAD_MUTEX_RECURSIVE : PTHREAD_MUTEX_NORMAL};
    return c11(pthread_mutex_init((pthread_mutex_t *)mutex, &attributes));
}
void __wrap_mtx_destroy(mtx_t *mutex) { (void)mutex; }
int __wrap_mtx_lock(mtx_t *mutex) { return c11(pthread_mutex_lock((pthread_mutex_t *)mutex)); }
int __wrap_mtx_trylock(mtx_t *mutex) { return c11(pthread_mutex_trylock((pthread_mutex_t *)mutex)); }
int __wrap_mtx_unlock(mtx_t *mutex) { return c11(pthread_mutex_unlock((pthread_mutex_t *)mutex)); }
int __wrap_mtx_timedlock(mtx_t *restrict mutex, const struct timespec *restrict time) { return c11(pthread_mutex_timedlock((pthread_mutex_t *)mutex, time)); }
int __wrap_cnd_init(cnd_t *condition) { return c11(pthread_cond_init((pthread_cond_t *)condition, NULL)); }
void __wrap_cnd_destroy(cnd_t *condition) { (void)condition; }
int __wrap_cnd_signal(cnd_t *condition) { return c11(pthread_cond_signal((pthread_cond_t *)condition)); }
int __wrap_cnd_broadcast(cnd_t *condition) { return c11(pthread_cond_broadcast((pthread_cond_t *)condition)); }
int __wrap_cnd_wait(cnd_t *condition, mtx_t *mutex) { return c11(pthread_cond_wait((pthread_cond_t *)condition, (pthread_mutex_t *)mutex)); }
int __wrap_cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex, const struct timespec *restrict time) {
    return c11(pthread_cond_timedwait((pthread_cond_t *)condition, (pthread_mutex_t *)mutex, time));
}
int __wrap_tss_create(tss_t *key, tss_dtor_t destructor) { return c11(pthread_key_create(key, destructor)); }
void __wrap_tss_delete(tss_t key) { pthread_key_delete(key); }
int __wrap_tss_set(tss_t key, void *value) { return c11(pthread_setspecific(key, value)); }
void *(__wrap_tss_get)(tss_t key) { return pthread_getspecific(key); }

int __wrap_thrd_sleep(const struct timespec *wanted, struct timespec *left) {
    int number = clock_nanosleep(CLOCK_REALTIME, 0, wanted, left);
    return number == 0 ? 0 : number == EINTR ? -1 : -2;
}
