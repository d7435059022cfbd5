/* The command line of Python as a component: CPython's own, but for what the component is
   given otherwise: the script that the command line names, which is in no directory of the
   guest, and an application that is linked in. */
#include <Python.h>
#include <capsock.h>
#include <unistd.h>

PyMODINIT_FUNC PyInit_capsock(void);

/* Of capsock_build: the name of the module that is the program, in a component of an
   application. It is in APPLICATION then. */
extern const char application[] __attribute__((weak));
#define APPLICATION L"/app"

#ifdef WITH_SCRIPT
/* capsock:python/script.read, as the canonical ABI has its result. */
struct read {
    unsigned char has_failed;
    union {
        struct { unsigned char *start; size_t length; } content;
        struct { char *start; size_t length; unsigned char exit_code; } failed;
    };
};
__attribute__((import_module("capsock:python/script@0.1.0"), import_name("read")))
extern void read_script(uint32_t argument, struct read *result);

/* Gives CPython the file that the command line names as one of its own, where it is in
   none of the directories. */
static void find_script(const PyConfig *config, char **arguments) {
    Py_ssize_t argument = config->orig_argv.length - config->argv.length;
    const char *path = arguments[argument];
    if (!config->run_filename || !access(path, F_OK))
        return;
    struct read result;
    read_script((uint32_t)argument, &result);
    if (result.has_failed) {
        fprintf(stderr, "python: %.*s\n", (int)result.failed.length, result.failed.start);
        exit(result.failed.exit_code);
    }
    if (capsock_add_file(path, result.content.start, result.content.length)) {
        fprintf(stderr, "python: can't open file '%s': %s\n", path, strerror(errno));
        exit(2);
    }
}
#else
static void find_script(const PyConfig *config, char **arguments) { (void)config; (void)arguments; }
#endif

static void check(PyStatus status) {
    if (PyStatus_Exception(status))
        Py_ExitStatusException(status);
}

/* Before the directories of PYTHONPATH. */
static PyStatus add_application(PyConfig *config) {
    const wchar_t *given = config->pythonpath_env;
    size_t size = wcslen(APPLICATION) + (given ? wcslen(given) + 1 : 0) + 1;
    wchar_t *path = PyMem_RawMalloc(size * sizeof *path);
    if (!path)
        return PyStatus_NoMemory();
    wcscpy(path, APPLICATION);
    if (given)
        wcscat(wcscat(path, L":"), given);
    PyStatus status = PyConfig_SetString(config, &config->pythonpath_env, path);
    PyMem_RawFree(path);
    return status;
}

int main(int count, char **arguments) {
    PyPreConfig before;
    PyPreConfig_InitPythonConfig(&before);
    before.utf8_mode = 1;
    before.parse_argv = application == NULL;
    PyImport_AppendInittab("capsock", PyInit_capsock);
    check(Py_PreInitializeFromBytesArgs(&before, count, arguments));

    PyConfig config;
    PyConfig_InitPythonConfig(&config);
    config.parse_argv = application == NULL;
    check(PyConfig_SetString(&config, &config.program_name, L"python"));
    /* It is told in messages, and can be run by nobody. */
    check(PyConfig_SetString(&config, &config.executable, L"python"));
    check(PyConfig_SetBytesArgv(&config, count, arguments));
    if (application)
        check(PyConfig_SetBytesString(&config, &config.run_module, application));
    check(PyConfig_Read(&config));
    if (application)
        check(add_application(&config));
    else
        find_script(&config, arguments);
    check(Py_InitializeFromConfig(&config));
    PyConfig_Clear(&config);
    return Py_RunMain();
}
