@echo off
rem {name} {version}: makes its own environment in %USERPROFILE%\{name} the first time, then starts the program.
rem Double click: the local application in the browser. With words after it: the command, as in  {name}.cmd run project.toml
rem A wheel beside this file is installed from there; without one the package index is asked.
chcp 65001 >nul
setlocal
set "HOME_DIR=%USERPROFILE%\{name}"
set "PROGRAM=%HOME_DIR%\Scripts\{name}.exe"
set "DONE=%HOME_DIR%\{version}.ready"
set "WHEEL=%~dp0{name}-{version}-py3-none-any.whl"
if exist "%DONE%" goto start

set "PYTHON="
where py >nul 2>nul && set "PYTHON=py -3"
if not defined PYTHON where python >nul 2>nul && set "PYTHON=python"
if not defined PYTHON goto nopython
%PYTHON% -c "import sys; sys.exit(sys.version_info < tuple(map(int, '{python}'.split('.'))))" || goto nopython

echo Making %HOME_DIR% ... one to three minutes the first time.
echo 正在建立环境，首次需要一至三分钟。
%PYTHON% -m venv "%HOME_DIR%" || goto failed
if exist "%WHEEL%" (
  "%HOME_DIR%\Scripts\python.exe" -m pip install --quiet --disable-pip-version-check "%WHEEL%" || goto failed
) else (
  "%HOME_DIR%\Scripts\python.exe" -m pip install --quiet --disable-pip-version-check "{name}=={version}" || goto failed
)
type nul > "%DONE%"

:start
if "%~1"=="" (
  "%PROGRAM%" serve
) else (
  "%PROGRAM%" %*
)
exit /b %ERRORLEVEL%

:nopython
echo {name} needs Python {python} or later. Install it for your user, then start this file again.
echo 需要 Python {python} 或更新版本。请先安装（仅当前用户即可），再运行本文件。
if "%~1"=="" pause
exit /b 1

:failed
echo The environment could not be made (see above). Behind a proxy set HTTPS_PROXY; for a mirror set PIP_INDEX_URL.
echo 环境没有建成（见上）。有代理请设置 HTTPS_PROXY，用镜像请设置 PIP_INDEX_URL，然后重新运行。
if "%~1"=="" pause
exit /b 1
