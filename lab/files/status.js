// A service in front of a folder: PORT FOLDER. It has a hole: what it is asked for is given to a shell.
const { exec } = require('child_process');
const fs = require('fs');
const http = require('http');
const [port, folder] = process.argv.slice(2);

http.createServer((request, response) => {
  const [path, query] = request.url.split('?');
  const asked = decodeURIComponent(query || '');
  if (path === '/tail') {
    exec(`tail -n 5 ${folder}/${asked}`, (error, said) => response.end(said));
  } else if (path === '/list') {
    fs.readdir(folder, (error, names) => response.end(error ? '' : names.join('\n')));
  } else {
    response.end(`up for ${Math.floor(process.uptime())} s\n`);
  }
}).listen(Number(port));
