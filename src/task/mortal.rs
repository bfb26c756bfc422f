//! Processes that do not outlive this one.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

#[cfg(target_os = "linux")]
use nix::libc;

/// Has the process that `command` starts killed when this one ends, however that ends. On Linux; to be started from a
/// thread that lives as long as this process.
#[expect(
    unsafe_code,
    reason = "the signal at our death can be set in the child alone; only system calls that are safe between fork and \
              exec are made there, and nothing is allocated"
)]
pub(crate) fn die_with_us(command: &mut Command) {
    let ours = std::process::id();
    let hook = move || {
        #[cfg(target_os = "linux")]
        // SAFETY: both calls take plain numbers.
        unsafe {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            // It may have died before the line above.
            if libc::getppid().unsigned_abs() != ours {
                libc::_exit(127);
            }
        }
        #[cfg(not(target_os = "linux"))]
        let _ = ours;
        Ok(())
    };
    // SAFETY: the hook above is safe to run between fork and exec, as it says.
    unsafe {
        command.pre_exec(hook);
    }
}
